package durable

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// Login is who this end is to a NATS server, and whom it trusts, in files. The zero value is no one, without TLS.
type Login struct {
	Credentials, NKey string // a JWT and a seed (.creds), or an nkey seed
	CA, Cert, Key     string // PEM
}

// maxFile bounds the files that are read.
const maxFile = 1 << 20

// Options are what a Login is to the client of NATS.
func (l Login) Options() (out []nats.Option, err error) {
	if l.Credentials != "" && l.NKey != "" {
		return nil, errs.Errorf(errs.EINVAL, "a backbone has either Credentials or an NKey, and here are both: remove one")
	}
	if l.Credentials != "" {
		if err := readable(l.Credentials); err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the credentials for NATS: %v", err)
		}
		out = append(out, nats.UserCredentials(l.Credentials))
	}
	if l.NKey != "" {
		key, err := nats.NkeyOptionFromSeed(l.NKey)
		if err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the nkey for NATS in %s: %v", l.NKey, err)
		}
		out = append(out, key)
	}
	cfg, err := l.TLS()
	if cfg != nil {
		out = append(out, nats.Secure(cfg))
	}
	return out, err
}

// TLS reads the files of TLS; nil if there are none.
func (l Login) TLS() (*tls.Config, error) {
	if l.CA == "" && l.Cert == "" && l.Key == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.CA != "" {
		text, err := plainfile.Read(l.CA, maxFile)
		if err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the authorities for NATS: %v", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the authorities for NATS: %s has no certificate in PEM", l.CA)
		}
	}
	if (l.Cert == "") != (l.Key == "") {
		return nil, errs.Errorf(errs.EINVAL, "TLS for NATS needs a certificate and its key, and only one of the two is given: name both, or none")
	}
	if l.Cert != "" {
		cert, err := l.certificate()
		if err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the certificate for NATS: %v", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

func (l Login) certificate() (c tls.Certificate, err error) {
	cert, err := plainfile.Read(l.Cert, maxFile)
	if err != nil {
		return c, err
	}
	key, err := plainfile.Read(l.Key, maxFile)
	if err != nil {
		return c, err
	}
	if c, err = tls.X509KeyPair(cert, key); err != nil {
		err = fmt.Errorf("%s and %s: %w", l.Cert, l.Key, err)
	}
	return c, err
}

// readable reports why a file cannot be read, or nil.
func readable(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = f.Close()
	}
	return err
}
