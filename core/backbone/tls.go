package backbone

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// maxFile bounds the files that are read.
const maxFile = 1 << 20

// config reads the files of t; nil if there are none. server demands of clients a certificate of the
// CA, if there is one.
func (t TLS) config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		text, err := plainfile.Read(t.CA, maxFile)
		if err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the authorities for NATS: %v", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the authorities for NATS: %s has no certificate in PEM", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errs.Errorf(errs.EINVAL, "TLS for NATS needs a certificate and its key, and only one of the two is given: name both, or none")
	}
	if t.Cert != "" {
		cert, err := certificate(t)
		if err != nil {
			return nil, errs.Errorf(errs.EINVAL, "cannot read the certificate for NATS: %v", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

func certificate(t TLS) (c tls.Certificate, err error) {
	cert, err := plainfile.Read(t.Cert, maxFile)
	if err != nil {
		return c, err
	}
	key, err := plainfile.Read(t.Key, maxFile)
	if err != nil {
		return c, err
	}
	if c, err = tls.X509KeyPair(cert, key); err != nil {
		err = fmt.Errorf("%s and %s: %w", t.Cert, t.Key, err)
	}
	return c, err
}

// serverConfig is config for a NATS server: a client needs a certificate of the CA, if one is given.
func (t TLS) serverConfig() (*tls.Config, error) {
	cfg, err := t.config()
	if cfg == nil || err != nil {
		return nil, err
	}
	if len(cfg.Certificates) == 0 {
		return nil, errs.Errorf(errs.EINVAL, "a NATS server with TLS needs a certificate: name Cert and Key")
	}
	if cfg.RootCAs != nil {
		cfg.ClientCAs, cfg.ClientAuth = cfg.RootCAs, tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// readable reports why a file cannot be read, or nil.
func readable(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = f.Close()
	}
	return err
}
