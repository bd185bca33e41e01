package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// newKeyCommand makes keys for CURVE, and shows public ones and fingerprints.
func newKeyCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "key COMMAND",
		Short:   "make a pair of keys for CURVE, or print the public key in a file, or its fingerprint",
		GroupID: groupSetUp,
	}
	c.AddCommand(
		keyCommand("new NAME", "make NAME.key and NAME.key_secret, and print the public key", std, newKey),
		keyCommand("show FILE", "print the public key in a file of keys", std, showKey),
		keyCommand("fingerprint FILE", "print the SHA-256 of a public key, or of that of a certificate", std, fingerprint),
	)
	return c
}

// keyCommand is a command with one argument.
func keyCommand(use, short string, std streams, do func(std streams, p *printer, arg string) error) *cobra.Command {
	name, arg, _ := strings.Cut(use, " ")
	example := "hermes key new office"
	if name != "new" {
		example += "\nhermes key " + name + " office.key"
	}
	c := &cobra.Command{Use: strings.Replace(use, " ", " [flags] ", 1), Short: short, Example: example}
	p := addJSON(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{"takes one " + strings.ToLower(arg)}
		}
		return do(std, p, args[0])
	}
	return c
}

// newKey writes NAME.key and NAME.key_secret, and prints the public key.
func newKey(std streams, p *printer, name string) error {
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
	return p.words(pair.Public.String(), map[string]string{"public": pair.Public.String(), "public_file": public, "secret_file": secret})
}

// showKey prints the public key in a file; of a secret key without one it is computed.
func showKey(_ streams, p *printer, path string) error {
	public, err := publicKey(path)
	if err != nil {
		return err
	}
	return p.words(public.String(), map[string]string{"public": public.String()})
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
func fingerprint(_ streams, p *printer, path string) error {
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
			return printFingerprint(p, block.Bytes)
		case "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return printFingerprint(p, certificate.RawSubjectPublicKeyInfo)
		}
	}
	public, err := publicKey(path)
	if err != nil {
		return fmt.Errorf("%s contains neither a certificate (PEM) nor a public key for CURVE: %w", path, err)
	}
	return printFingerprint(p, public[:])
}

func printFingerprint(p *printer, key []byte) error {
	sum := sha256.Sum256(key)
	text := "sha256:" + hex.EncodeToString(sum[:])
	return p.words(text, map[string]string{"fingerprint": text})
}
