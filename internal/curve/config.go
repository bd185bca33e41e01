package curve

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// Config is which keys an end has, and so which part it plays in a handshake:
//
//	Server  Clients  bound addresses  connected addresses
//	set     nil      client           client
//	nil     set      server           server
//	set     set      server           client
type Config struct {
	Pair    *Pair    // the end's own keys
	Server  *Public  // the key of the servers
	Clients *Clients // which clients a server accepts
}

// IsServer reports whether this end is the server of a connection that came to a bound address,
// or was made by connecting.
func (c *Config) IsServer(bound bool) bool {
	if c.Server != nil && c.Clients != nil {
		return bound
	}
	return c.Clients != nil
}

// reloadEvery is how often files of client keys are read at most, and reportEvery how often it is
// reported that some cannot be read.
const (
	reloadEvery = time.Second
	reportEvery = time.Minute
)

// Clients is the set of clients that a server accepts. It is safe for concurrent use.
//
// Files and directories are read again when a client comes, but once in reloadEvery at most. The
// keys of a file that is gone are not valid any more. Those of a file that cannot be read stay
// valid as they were read last, and that is reported.
type Clients struct {
	mu    sync.Mutex // guards all fields
	any   bool
	given []Public
	files map[string]keysByFile // by the paths that were given

	keys map[Public]struct{} // all of given and files
	read time.Time

	report   func(error)
	reported time.Time
}

// AnyClient is the text of the set of all clients.
const AnyClient = "any"

// ParseClients reads a list, separated by commas, of keys in Z85, files and directories of
// public keys, or AnyClient. What is a key in Z85 is that key, even if there is a file of that name,
// which can be written as ./name.
func ParseClients(text string) (*Clients, error) {
	c := &Clients{}
	return c, c.Set(text)
}

// Set makes c the set of a text, as ParseClients reads it. An error changes nothing.
func (c *Clients) Set(text string) error {
	fresh, err := parseClients(text)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.any, c.given, c.files, c.keys, c.read = fresh.any, fresh.given, fresh.files, fresh.keys, fresh.read
	return nil
}

// EveryClient is the set of all clients.
func EveryClient() *Clients { return &Clients{any: true} }

// Clear makes c the set of no client.
func (c *Clients) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.any, c.given, c.files, c.keys = false, nil, nil, nil
}

// OnUnreadable has report called when files of keys cannot be read again, once in reportEvery at
// most. Before any client comes, or not at all.
func (c *Clients) OnUnreadable(report func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = report
}

func parseClients(text string) (*Clients, error) {
	c := &Clients{files: map[string]keysByFile{}}
	for _, item := range strings.Split(text, ",") {
		item = strings.TrimSpace(item)
		p, err := ParsePublic(item)
		switch {
		case item == "":
		case item == AnyClient:
			c.any = true
		case err == nil:
			c.given = append(c.given, p)
		case exists(item):
			c.files[item] = nil
		default:
			return nil, fmt.Errorf("%q is neither a file, nor a directory, nor a public key in Z85", item)
		}
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	if !c.any && len(c.keys) == 0 && len(c.files) == 0 {
		return nil, errors.New("it names no key")
	}
	return c, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// load reads the files; err tells of those that cannot be read. The caller holds mu, or is the
// only one to know c.
func (c *Clients) load() error {
	c.keys = make(map[Public]struct{}, len(c.given))
	for _, p := range c.given {
		c.keys[p] = struct{}{}
	}
	var failed []error
	for path, last := range c.files {
		now, err := last.readAgain(path)
		c.files[path] = now
		failed = append(failed, err)
		for _, keys := range now {
			for _, p := range keys {
				c.keys[p] = struct{}{}
			}
		}
	}
	c.read = time.Now() // not before: reading may take longer than reloadEvery
	return errors.Join(failed...)
}

// Allow reports whether a client may connect.
func (c *Clients) Allow(p Public) bool {
	known, report, err := c.allow(p)
	if report != nil {
		report(err)
	}
	return known
}

// allow is Allow; report is to be called with err if it is not nil.
func (c *Clients) allow(p Public) (known bool, report func(error), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.any {
		return true, nil, nil
	}
	if len(c.files) > 0 && time.Since(c.read) >= reloadEvery {
		err = c.load()
	}
	if err != nil && time.Since(c.reported) >= reportEvery {
		report, c.reported = c.report, time.Now()
	}
	_, known = c.keys[p]
	return known, report, err
}

// Any reports whether every client may connect.
func (c *Clients) Any() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.any
}

// LookUpPublic reads a public key: in Z85, or else the path of a file.
func LookUpPublic(text string) (Public, error) {
	if p, err := ParsePublic(text); err == nil {
		return p, nil
	}
	if !exists(text) {
		return Public{}, fmt.Errorf("%q is neither a file nor a public key in Z85", text)
	}
	return ReadPublicFile(text)
}

// environment is what the text of a secret in an environment variable begins with.
const environment = "env:"

// LookUpSecret reads a secret key: from a file, or with "env:NAME" from an environment
// variable, in Z85. Errors contain no text that could be a key.
func LookUpSecret(text string) (*Pair, error) {
	name, ok := strings.CutPrefix(text, environment)
	if !ok {
		if !exists(text) {
			return nil, errors.New("there is no such file; a secret key is given as the path of its file, or as env:NAME")
		}
		return ReadSecretFile(text)
	}
	value, ok := os.LookupEnv(name)
	switch s, err := ParseSecret(strings.TrimSpace(value)); {
	case err == nil:
		defer clear(s.b[:])
		return s.Pair()
	case !isName(name):
		return nil, errors.New("env: is followed by the name of an environment variable, and not by its value: letters, digits and underscores")
	case !ok:
		return nil, fmt.Errorf("there is no environment variable %s", name)
	default:
		return nil, fmt.Errorf("environment variable %s: %w", name, err)
	}
}

// isName reports whether a text is the name of a variable, and no key, which a shell may have put in
// its place.
func isName(text string) bool {
	_, err := ParseSecret(text)
	return err != nil && plainfile.IsVariable(text)
}
