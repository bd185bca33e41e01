package tlsconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// pinPrefix is what a fingerprint begins with: the hash.
const pinPrefix = "sha256:"

// Fingerprint is that of the public key of a certificate: "sha256:" and 64 digits, the hash of
// its SubjectPublicKeyInfo in DER. It stays the same when a certificate is renewed with its key.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + hex.EncodeToString(sum[:])
}

// ParsePins reads fingerprints, separated by commas.
func ParsePins(text string) (map[string]bool, error) {
	pins := map[string]bool{}
	for _, item := range strings.Split(text, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if item == "" {
			continue
		}
		digits, ok := strings.CutPrefix(item, pinPrefix)
		if sum, err := hex.DecodeString(digits); !ok || err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("%.100q is no fingerprint of a public key, which is written sha256: and 64 hexadecimal digits", item)
		}
		pins[item] = true
	}
	return pins, nil
}

// PinError says that a peer has another key than those that are pinned.
type PinError struct{ Fingerprint string }

func (e *PinError) Error() string { return "key " + e.Fingerprint + " is not one of tls.pins" }
