package core

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/libzmq"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// What the options of security say of a run: keys of CURVE, certificates, and the policy. All are
// read when the component starts.

// curveKeys are what the options curve.* say; nil for no security.
func (x *networkOptions) curveKeys() (*curve.Config, error) {
	keys := &curve.Config{Pair: x.curve.secret.Get(), Server: x.curve.server.Get(), Clients: x.curve.clients.Get()}
	switch {
	case keys.Server == nil && keys.Clients == nil && keys.Pair == nil:
		return nil, nil
	case keys.Pair != nil && keys.Clients == nil && x.access.policy.String() != "":
		keys.Clients = curve.EveryClient() // the policy knows which
		return keys, nil
	case keys.Server == nil && keys.Clients == nil:
		keys.Pair.Wipe()
		return nil, errors.New("option curve.secret is set, but neither curve.server (for a client) nor curve.clients or policy (for a server)")
	case keys.Clients != nil && keys.Pair == nil:
		return nil, errors.New("option curve.clients is set, but not curve.secret: a server needs a key")
	case keys.Pair != nil:
		return keys, nil
	}
	pair, err := curve.Generate()
	keys.Pair = pair
	return keys, err
}

// openKeys is the keys of this run, which all of its sockets share. The caller holds life.
func (c *component) openKeys() (*curve.Config, error) {
	if c.keysOpen {
		return c.keys.Load(), nil
	}
	keys, err := c.network.curveKeys()
	if err != nil {
		return nil, errorf(EOPTION, "%s: %w", c.who(), err)
	}
	c.keys.Store(keys)
	c.keysOpen = keys != nil
	return keys, nil
}

// wipeKeys overwrites the secret key of a run whose sockets are closed. The caller holds life.
func (c *component) wipeKeys() {
	if c.keysOpen {
		c.keysOpen = false
		c.keys.Load().Pair.Wipe()
	}
}

// serves reports of an address, which is bound or connected to, whether the component is a server of
// CURVE there.
func serves(keys *curve.Config, bound bool) func(string) bool {
	return func(a string) bool { return keys.IsServer(bound) && !address.IsPlain(a) && !hasTLS([]string{a}) }
}

// What component.servers has: a server of CURVE, and one at which libzmq checks no client.
const (
	server = 1 << iota
	libzmqServer
)

func serverOf(o carrier.Opener) int32 {
	if _, is := o.(libzmq.Opener); is {
		return server | libzmqServer
	}
	return server
}

// checkClients refuses to set curve.clients while the component runs, if no socket of it would
// heed the value.
func (c *component) checkClients(value string) error {
	servers := c.servers.Load()
	switch {
	case servers&server == 0:
		return errorf(ESTATE, "option \"curve.clients\" of %s can be set only while it is not running, because it runs as no server of CURVE: stop it first", c.who())
	case servers&libzmqServer != 0 && value != curve.AnyClient:
		return errorf(EOPTION, "option \"curve.clients\" of %s: %w: keys other than any (engine zmtp has it)", c.who(), carrier.ErrUnsupported)
	}
	return nil
}

// reportUnprotected reports the bound addresses at which programs of other machines are let in without
// a key. Where no option of security is set it is no warning: so it always was with 1.x.
func (c *component) reportUnprotected() {
	if c.hooks.endpoints == nil {
		return
	}
	keys := c.keys.Load()
	var open []string
	for _, text := range c.hooks.endpoints() {
		if a, err := address.Parse(text); err == nil && a.Exposed() && (keys == nil || a.Plain) {
			open = append(open, text)
		}
	}
	if len(open) == 0 {
		return
	}
	e := notify.Event{Kind: "unprotected", Level: notify.Warning, Address: strings.Join(open, ",")}
	lock := "remove plain+ to use the keys there"
	if keys == nil {
		lock = "set curve.secret, and name keys in the policy"
		if c.access.Load() == nil {
			e.Level, lock = notify.Info, "set curve.secret and curve.clients"
		}
	}
	e.Text = fmt.Sprintf("%s: every program in the network may connect to %s, without a key: %s, or bind to 127.0.0.1 (docs/security.md)",
		c.who(), strings.Join(open, " and "), lock)
	c.events.Add(e)
}

// keyFiles are the files of secret keys that this run uses.
func (c *component) keyFiles() (paths []string) {
	if c.hooks.endpoints == nil { // it has no sockets
		return nil
	}
	paths = append(paths, c.network.curve.secret.String())
	if c.certificates.Config() != nil {
		s := c.network.tlsSettings()
		paths = append(paths, cmp.Or(s.Key, s.Cert))
	}
	return paths
}

// reportReadableKeys warns of files of secret keys that every user of the machine can read.
func (c *component) reportReadableKeys() {
	for _, path := range c.keyFiles() {
		info, err := os.Stat(path) // an error: none is set, it is in the environment, or it is gone by now
		if err != nil || info.Mode().Perm()&0o004 == 0 {
			continue
		}
		c.events.Add(notify.Event{Kind: "key_readable", Level: notify.Warning,
			Text: fmt.Sprintf("%s: every user of this machine can read the secret key in %s: chmod 600 %s, and replace the key if it may have been read", c.who(), path, path)})
	}
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
	if err := c.certificates.Begin(s); err != nil {
		return errorf(EOPTION, "%s: %w", c.who(), err)
	}
	return nil
}

func hasTLS(addresses []string) bool {
	for _, a := range addresses {
		if strings.HasPrefix(a, "tls://") || strings.HasPrefix(a, "tls+fd://") {
			return true
		}
	}
	return false
}

// accessOptions are the options of access control.
type accessOptions struct{ policy, audit *option.Path }

func (x *accessOptions) add(o *option.Set) {
	x.policy = o.ExistingPath("policy", live, "policy file: which peers may connect, and what each may publish and receive; it is read again when it changes, and when this option is set to the same path while the component runs; empty: everyone, everything (engine zmtp only)")
	x.audit = o.Path("audit.file", beforeStart, "file to which access control appends a JSON line for every peer that connects, is refused, or has no right to what it publishes or subscribes to; only with a policy")
}

// openAccess reads the policy, if there is one. Start calls it.
func (c *component) openAccess() error {
	options := &c.network.access
	switch {
	case options.policy == nil:
		return nil
	case options.policy.String() == "" && options.audit.String() != "":
		return errorf(EOPTION, "%s: option audit.file is set, but not policy: without one there is nothing to log", c.who())
	case options.policy.String() == "":
		return nil
	}
	control, err := access.Open(access.Config{
		Who: c.who(), Path: options.policy.String(), Audit: options.audit.String(), Emit: c.events.Add,
	})
	if err != nil {
		return errorf(EOPTION, "%s: option policy: %w", c.who(), err)
	}
	c.access.Store(control)
	return nil
}

// closeAccess undoes openAccess. What was counted stays.
func (c *component) closeAccess() {
	control := c.access.Load()
	if control == nil {
		return
	}
	control.Close()
	messages, subscriptions := control.Denied()
	c.deniedBefore.Lock()
	defer c.deniedBefore.Unlock()
	c.access.Store(nil)
	c.deniedBefore.messages += messages
	c.deniedBefore.subscriptions += subscriptions
}

// reloadPolicy is Set for the option "policy" of a component that runs; done is false if it does
// not.
func (c *component) reloadPolicy(path string) (done bool, err error) {
	c.mu.Lock()
	running := c.state == stateRunning || c.state == stateStopping
	c.mu.Unlock()
	control := c.access.Load()
	switch full, err := filepath.Abs(path); {
	case !running:
		return false, nil
	case err != nil:
		return true, errorf(EOPTION, "option \"policy\" of %s: %w", c.who(), err)
	case control == nil || full != c.network.access.policy.String():
		return true, errorf(ESTATE, "option \"policy\" of %s can be set to another file only while it is not running; setting it to the same file reads that again", c.who())
	}
	if err := control.Reload(); err != nil {
		return true, &Error{Code: errs.EOPTION, Text: "option \"policy\" of " + c.who() + ": the old rules stay: " + err.Error(), Err: err}
	}
	return true, nil
}

// deniedSoFar is what peers had no right to, over all runs.
func (c *component) deniedSoFar() (messages, subscriptions uint64) {
	c.deniedBefore.Lock()
	defer c.deniedBefore.Unlock()
	messages, subscriptions = c.deniedBefore.messages, c.deniedBefore.subscriptions
	if control := c.access.Load(); control != nil {
		m, s := control.Denied()
		return messages + m, subscriptions + s
	}
	return messages, subscriptions
}
