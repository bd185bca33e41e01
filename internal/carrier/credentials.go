package carrier

// Credentials is which user and group a process of this machine runs as, as numbers of this
// process's user namespace.
type Credentials struct{ UID, GID uint32 }
