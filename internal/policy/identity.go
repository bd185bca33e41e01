package policy

import "fmt"

// Identity is what a peer has proved to be.
type Identity struct {
	Mechanism   string   // "plain", "curve", "tls"
	Address     string   // the bound address that it came to, or the address that was connected to
	Key         string   // CURVE: the peer's public key in Z85, or ""
	Fingerprint string   // TLS: "sha256:" and 64 hexadecimal digits, of the certificate's public key (SPKI), or ""
	Names       []string // TLS: common name, and names for DNS, URI and mail, of a verified certificate
	Local       bool     // it came over ipc, and UID and GID are known (SO_PEERCRED)
	UID, GID    uint32
}

// String says what the peer is, for people.
func (i Identity) String() string {
	switch {
	case i.Key != "":
		return "key " + i.Key
	case i.Fingerprint != "":
		return "certificate " + i.Fingerprint
	case len(i.Names) > 0:
		return "certificate of " + i.Names[0]
	case i.Local:
		return fmt.Sprintf("uid %d", i.UID)
	}
	return "anonymous at " + i.Address
}
