package carrier

import (
	"fmt"
	"io/fs"
)

// SocketFile is what the file of a bound ipc address is to be like. What is nil stays as the system
// makes it.
type SocketFile struct {
	Mode  *fs.FileMode // permission bits, in place of those that the umask leaves
	Owner *Account     // a user
	Group *Account
}

// IsZero reports that the file stays as the system makes it.
func (f SocketFile) IsZero() bool { return f == SocketFile{} }

// Account is a user or a group.
type Account struct {
	ID   uint32
	Name string // "" if it was given as a number
}

func (a *Account) String() string {
	if a.Name == "" {
		return fmt.Sprint(a.ID)
	}
	return fmt.Sprintf("%q (%d)", a.Name, a.ID)
}
