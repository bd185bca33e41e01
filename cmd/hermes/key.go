package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// key makes keys for CURVE, and shows public ones and fingerprints.
func key(_ context.Context, std streams, args []string) error {
	f := bareFlags("key")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return usageError{"takes new, show or fingerprint, and a name or a file"}
	}
	switch f.Arg(0) {
	case "new":
		return newKey(std, f.Arg(1))
	case "show":
		return showKey(std, f.Arg(1))
	case "fingerprint":
		return fingerprint(std, f.Arg(1))
	}
	return usageError{fmt.Sprintf("takes new, show or fingerprint, and not %q", f.Arg(0))}
}

// newKey writes NAME.key and NAME.key_secret, and prints the public key.
func newKey(std streams, name string) error {
	pair, err := curve.Generate()
	if err != nil {
		return err
	}
	defer pair.Wipe()
	public, secret, err := pair.WriteFiles(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "wrote %s, for others, and %s, for this end alone\n", public, secret)
	_, err = fmt.Fprintln(std.out, pair.Public)
	return err
}

// showKey prints the public key in a file; of a secret key without one it is computed.
func showKey(std streams, path string) error {
	public, err := publicKey(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, public)
	return err
}

func publicKey(path string) (curve.Public, error) {
	public, err := curve.ReadPublicFile(path)
	if err != nil {
		pair, failed := curve.ReadSecretFile(path)
		if failed != nil {
			return public, err
		}
		pair.Wipe()
		public = pair.Public
	}
	return public, nil
}

// fingerprint prints the SHA-256 of the public key in a file: of a key for CURVE, of its 32 bytes;
// of a certificate, of the structure SubjectPublicKeyInfo (RFC 5280, 4.1) of the first one in the file.
func fingerprint(std streams, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	defer clear(text) // it may have a secret key
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "PUBLIC KEY":
			return printFingerprint(std, block.Bytes)
		case "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return printFingerprint(std, certificate.RawSubjectPublicKeyInfo)
		}
	}
	public, err := publicKey(path)
	if err != nil {
		return fmt.Errorf("%s contains neither a certificate (PEM) nor a public key for CURVE: %w", path, err)
	}
	return printFingerprint(std, public[:])
}

func printFingerprint(std streams, key []byte) error {
	sum := sha256.Sum256(key)
	_, err := fmt.Fprintf(std.out, "sha256:%s\n", hex.EncodeToString(sum[:]))
	return err
}
