package tlsconfig

import (
	"fmt"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// Component is the certificates of a component for its addresses of TLS. They are read for each run, and
// while it lasts the component is told when its own certificate is about to expire. All methods may
// be called from any goroutine.
type Component struct {
	Who  string             // names the component in texts
	Tell func(notify.Event) // hears of certificates that expire or cannot be read

	mu     sync.Mutex // guards what follows
	config *Config    // nil while there is no run that needs it
	expiry Expiry
	timer  *time.Timer
}

// Begin reads the certificates for a run, if that has not been done.
func (c *Component) Begin(s Settings) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config != nil {
		return nil
	}
	config, err := New(s, func(err error) {
		c.Tell(notify.Event{Kind: "certificate_unreadable", Level: notify.Warning,
			Text: fmt.Sprintf("%s: the certificates cannot be read again, and stay as they were: %v", c.Who, err)})
	})
	if err != nil {
		return err
	}
	c.config, c.expiry = config, Expiry{Config: config}
	c.look()
	return nil
}

// look warns if that is due, and looks again later. The caller holds mu.
func (c *Component) look() {
	if text := c.expiry.Due(time.Now()); text != "" {
		c.Tell(notify.Event{Kind: "certificate_expires", Level: notify.Warning, Text: c.Who + ": " + text})
	}
	config := c.config
	c.timer = time.AfterFunc(LookEvery, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.config == config {
			c.look()
		}
	})
}

// End ends the run.
func (c *Component) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = nil
	if c.timer != nil {
		c.timer.Stop()
	}
}

// Config is the certificates of this run, or nil.
func (c *Component) Config() *Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}
