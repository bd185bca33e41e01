package backbone

import (
	"crypto/tls"

	"github.com/hermes-zmq/hermes/internal/durable"
	"github.com/hermes-zmq/hermes/internal/errs"
)

// serverConfig is what the files of t are to a NATS server: a client needs a certificate of the CA, if one is given.
func (t TLS) serverConfig() (*tls.Config, error) {
	cfg, err := durable.Login{CA: t.CA, Cert: t.Cert, Key: t.Key}.TLS()
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
