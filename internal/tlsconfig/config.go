package tlsconfig

import (
	"crypto/tls"
	"sync"
	"time"
)

// reloadEvery is how often files are read at most, and reportEvery how often it is reported
// that they are bad.
const (
	reloadEvery = time.Second
	reportEvery = time.Minute
)

// Config has the certificates of one component, for one run. It is safe for concurrent use.
//
// Files are read again at a handshake, but once in reloadEvery at most. Connections that exist stay
// as they are.
type Config struct {
	settings Settings
	pins     map[string]bool
	report   func(error) // or nil

	mu       sync.Mutex // guards what follows
	now      *material
	read     time.Time
	reported time.Time
}

// New reads what the settings name. report is called, once in reportEvery at most, when a file has
// become bad, so that the certificates stay as they were.
func New(s Settings, report func(error)) (*Config, error) {
	pins, err := ParsePins(s.Pins)
	if err != nil {
		return nil, err
	}
	if s, err = s.check(); err != nil {
		return nil, err
	}
	m, err := load(&s, pins, nil)
	if err != nil {
		return nil, err
	}
	return &Config{settings: s, pins: pins, report: report, now: m, read: time.Now()}, nil
}

// Server is the configuration for a client that has connected; nil if there is no certificate.
func (c *Config) Server() *tls.Config { return c.current().server }

// Client is the configuration for connecting to a host.
func (c *Config) Client(host string) *tls.Config {
	cfg := c.current().client.Clone()
	if cfg.ServerName = host; c.settings.Name != "" {
		cfg.ServerName = c.settings.Name
	}
	return cfg
}

// HasCA reports whether peers are checked against CAs of the component's own, rather than the
// system's.
func (c *Config) HasCA() bool { return c.settings.CA != "" }

// current is what the files contain.
func (c *Config) current() *material {
	m, err := c.reload()
	if err != nil && c.report != nil {
		c.report(err)
	}
	return m
}

// reload is current; an error is to be reported.
func (c *Config) reload() (*material, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) < reloadEvery {
		return c.now, nil
	}
	m, err := load(&c.settings, c.pins, c.now)
	c.read = time.Now() // not before: reading may take longer than reloadEvery
	if err == nil {
		c.now = m
		return m, nil
	}
	if time.Since(c.reported) < reportEvery && !c.reported.IsZero() {
		return c.now, nil
	}
	c.reported = c.read
	return c.now, err
}
