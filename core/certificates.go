package core

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// certificates are those of a component for its addresses of TLS. They are read for each run, and
// while it lasts the component is told when its own certificate is about to expire.
type certificates struct {
	who  string
	tell func(notify.Event)

	mu     sync.Mutex        // guards what follows
	config *tlsconfig.Config // nil while there is no run that needs it
	expiry tlsconfig.Expiry
	timer  *time.Timer
}

// begin reads the certificates for a run, if that has not been done.
func (c *certificates) begin(s tlsconfig.Settings) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config != nil {
		return nil
	}
	config, err := tlsconfig.New(s, func(err error) {
		c.tell(notify.Event{Kind: "certificate_unreadable", Level: notify.Warning,
			Text: fmt.Sprintf("%s: the certificates cannot be read again, and stay as they were: %v", c.who, err)})
	})
	if err != nil {
		return err
	}
	c.config, c.expiry = config, tlsconfig.Expiry{Config: config}
	c.look()
	return nil
}

// look warns if that is due, and looks again later. The caller holds mu.
func (c *certificates) look() {
	if text := c.expiry.Due(time.Now()); text != "" {
		c.tell(notify.Event{Kind: "certificate_expires", Level: notify.Warning, Text: c.who + ": " + text})
	}
	config := c.config
	c.timer = time.AfterFunc(tlsconfig.LookEvery, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.config == config {
			c.look()
		}
	})
}

// end ends the run.
func (c *certificates) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = nil
	if c.timer != nil {
		c.timer.Stop()
	}
}

// get is the certificates of this run, or nil.
func (c *certificates) get() *tlsconfig.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// tlsSettings are what the options tls.* say.
func (x *networkOptions) tlsSettings() tlsconfig.Settings {
	t := &x.tls
	return tlsconfig.Settings{Cert: t.cert.Get(), Key: t.key.Get(), CA: t.ca.Get(), Pins: t.pins.Get(), Clients: t.clients.String(), Name: t.name.Get()}
}

// openCertificates reads the certificates if there is an address that needs them.
func (c *component) openCertificates(a address.List) error {
	if !hasTLS(a.All()) {
		return nil
	}
	s := c.network.tlsSettings()
	if s.Cert == "" && hasTLS(a.Bind) {
		return errorf(EOPTION, "%s: an address of tls:// can be bound only with a certificate: set option tls.cert to the path of its PEM file, and tls.key to that of its private key", c.who())
	}
	if err := c.certificates.begin(s); err != nil {
		return errorf(EOPTION, "%s: %w", c.who(), err)
	}
	return nil
}

func hasTLS(addresses []string) bool {
	for _, a := range addresses {
		if strings.HasPrefix(a, "tls://") {
			return true
		}
	}
	return false
}
