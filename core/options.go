package core

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// What components can be told: every option is declared here, with its default. The numbers of
// the network are defaults of package carrier; "json.lost", which only foreign runtimes have,
// is declared in package embed. docs/configuration.md is generated from these declarations.

// Option describes one setting of a Component, as docs/configuration.md lists it.
type Option struct {
	Key     string
	Default string
	Live    bool // may be set at any time, not only before the start
	Usage   string
}

// Options implements Component.
func (c *component) Options() []Option {
	out := make([]Option, len(c.options))
	for i, o := range c.options {
		out[i] = Option(o.Info)
	}
	return out
}

// Set implements Component.
func (c *component) Set(key, value string) error {
	err := c.set(key, value)
	if err == nil && key == "stats.interval" {
		c.showingChanged()
	}
	return err
}

func (c *component) set(key, value string) error {
	o, ok := c.options.Find(key)
	if !ok {
		return errorf(EOPTION, "%s: no option %q; the options are %s", c.who(), key, c.options.Keys())
	}
	if o.Variable == option.Variable(c.network.access.policy) {
		if done, err := c.reloadPolicy(value); done {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fixed := !o.Live || o.Variable == option.Variable(c.network.access.policy) // which was handled above, unless a Start comes between
	if fixed && c.state != stateNew && c.state != stateStopped {
		return errorf(ESTATE, "option %q of %s can be set only while it is not running", key, c.who())
	}
	if o.Variable == option.Variable(c.network.curve.clients) && c.state != stateNew && c.state != stateStopped {
		if err := c.checkClients(value); err != nil {
			return err
		}
	}
	if err := o.Variable.Set(value); err != nil {
		if _, hidden := o.Variable.(option.Hider); hidden {
			return errorf(EOPTION, "option %q of %s cannot be what it was set to: %w", key, c.who(), err)
		}
		return errorf(EOPTION, "option %q of %s cannot be %q: %w", key, c.who(), value, err)
	}
	return nil
}

// When an option may be set.
const (
	live        = true
	beforeStart = false
)

// showOptions are those of every component that can publish its own state.
type showOptions struct {
	interval *option.Duration
	name     *option.Text
}

// add adds them; defaultName says what an empty name stands for.
func (x *showOptions) add(o *option.Set, defaultName string) {
	x.interval = o.Duration("stats.interval", 0, live, "how often the component publishes its counters, as envelopes that begin with $hermes/ and only subscriptions to such topics get; while it does, it publishes its events too; 0: never")
	x.name = o.Text("stats.name", beforeStart, "name under which the component publishes its own state; empty stands for "+defaultName, checkShownName)
}

// checkAddresses is the check of the option "stats.address".
func checkAddresses(text string) error {
	_, err := address.ParseList(text, false)
	return err
}

// checkShownName is the check of the option "stats.name".
func checkShownName(name string) error {
	if name == "" {
		return nil
	}
	return checkName("component", name)
}

// networkOptions are those of every component with sockets. Most go to the carrier, which the
// option "engine" chooses. A node has none but linger.
type networkOptions struct {
	engine            *option.Choice
	linger            *option.Duration
	message           *option.Size
	heartbeatInterval *option.Duration
	heartbeatTimeout  *option.Duration
	reconnectMin      *option.Duration
	reconnectMax      *option.Duration
	handshake         *option.Duration
	limits            struct{ connections, frames, handshake, handshakes, handshakeRate, subscriptions, subscriptionBytes *option.Size }
	curve             struct {
		secret  *option.Secret
		server  *option.PublicKey
		clients *option.ClientKeys
	}
	access accessOptions
	ipc    struct {
		mode         *option.FileMode
		owner, group *option.Account
	}
	tls struct {
		cert, ca, pins, name *option.Text
		key                  option.HiddenText
		clients              *option.Choice
	}
}

func (x *networkOptions) add(o *option.Set) {
	x.engine = o.Choice("engine", beforeStart, "implementation of ZMTP: zmtp (built in; tcp, tls, ipc and inproc), libzmq (every transport of that library, where this build has it), or auto (zmtp where it supports the addresses, otherwise libzmq)",
		carrier.EngineAuto, carrier.EngineZMTP, carrier.EngineLibzmq)
	x.addLinger(o, "component")
	x.message = o.Size("message.bytes", 256<<20, option.MaxMessage, beforeStart, "maximum size of an envelope that is sent or received, in bytes")
	x.heartbeatInterval = o.Duration("heartbeat.interval", carrier.DefaultHeartbeatInterval, beforeStart, "interval of PINGs to a silent peer (engine libzmq: of TCP keepalive probes, in whole seconds); 0 sends none")
	x.heartbeatTimeout = o.Duration("heartbeat.timeout", carrier.DefaultHeartbeatTimeout, beforeStart, "time without an answer after which a peer is considered dead and its connection is closed")
	x.reconnectMin = o.Duration("reconnect.min", carrier.DefaultReconnectMin, beforeStart, "delay before the first attempt to reconnect; it doubles with each failed attempt, up to reconnect.max")
	x.reconnectMax = o.Duration("reconnect.max", carrier.DefaultReconnectMax, beforeStart, "maximum delay between two attempts to reconnect")
	x.handshake = o.Duration("handshake.timeout", carrier.DefaultHandshakeTimeout, beforeStart, "time limit for the handshake of a new peer")
	x.addLimits(o)
	x.addCurve(o)
	x.access.add(o)
	x.addTLS(o)
	x.addIPC(o)
}

// addIPC adds what the files of bound ipc addresses are like.
func (x *networkOptions) addIPC(o *option.Set) {
	x.ipc.mode = o.FileMode("ipc.mode", beforeStart, "permissions of the socket file of a bound ipc address, as an octal number that begins with 0, such as 0660: users that may write to it may connect; empty leaves them to the umask (engine zmtp only)")
	x.ipc.owner = o.User("ipc.owner", beforeStart, "user that the socket file of a bound ipc address is given to, by name or number; that takes privileges (engine zmtp only)")
	x.ipc.group = o.Group("ipc.group", beforeStart, "group that the socket file of a bound ipc address is given to, by name or number; without privileges it has to be a group of the program's user (engine zmtp only)")
}

// socketFile is what these options say.
func (x *networkOptions) socketFile() carrier.SocketFile {
	return carrier.SocketFile{Mode: x.ipc.mode.Get(), Owner: x.ipc.owner.Get(), Group: x.ipc.group.Get()}
}

// addCurve adds the keys of CURVE. Which part a component plays follows from those that are set.
func (x *networkOptions) addCurve(o *option.Set) {
	x.curve.secret = o.Secret("curve.secret", beforeStart, "the component's own secret key for CURVE: the path of a *.key_secret file, or env:NAME for an environment variable with the key in Z85; a client without one makes a key for each run")
	x.curve.server = o.PublicKey("curve.server", beforeStart, "public key of the CURVE servers that this component talks to, in Z85 or as the path of a *.key file; if it is set the component is their client, and no other server is accepted")
	x.curve.clients = o.ClientKeys("curve.clients", live, "which CURVE clients may connect: public keys in Z85, files and directories of *.key files, separated by commas, or any; if it is set the component is a server, and if curve.server is set as well, only at the addresses that it binds")
}

// addTLS adds what addresses of tls:// need. Files are read again when they change.
func (x *networkOptions) addTLS(o *option.Set) {
	t := &x.tls
	t.cert = o.Text("tls.cert", beforeStart, "path of a PEM file with the component's own certificate, and behind it the intermediate ones; needed to bind addresses of tls://, and to connect to servers that demand a certificate", tlsconfig.CheckCert)
	t.key = o.HiddenText("tls.key", beforeStart, "private key of tls.cert: the path of a PEM file, or env:NAME for an environment variable with the PEM text; empty if the key is in the file tls.cert", tlsconfig.CheckKey)
	t.ca = o.Text("tls.ca", beforeStart, "path of a PEM file, or a directory of *.pem, *.crt and *.cer files, with the CAs that sign the peers' certificates; empty stands for the CAs of the system, for servers that this component connects to", tlsconfig.CheckCA)
	t.pins = o.Text("tls.pins", beforeStart, "fingerprints of the public keys of peers, as sha256: and 64 hexadecimal digits, separated by commas; if it is set a server is accepted if and only if its key is one of them, and CAs, names and dates do not matter", tlsconfig.CheckPins)
	t.clients = o.Choice("tls.clients", beforeStart, "which clients may connect to bound addresses of tls://: any (no certificate is demanded), ca (those with a certificate signed by a CA of tls.ca), pins (those whose key is one of tls.pins), both (those of which both is true), or auto (ca if tls.ca is set, pins if tls.pins is set, both if both are, otherwise any)", tlsconfig.Auto, tlsconfig.Any, tlsconfig.ByCA, tlsconfig.ByPin, tlsconfig.ByBoth)
	t.name = o.Text("tls.name", beforeStart, "name or IP address that the certificates of servers have to be for; empty stands for the host of the address", tlsconfig.CheckName)
}

// addLinger adds the option "linger", whose description calls the component kind.
func (x *networkOptions) addLinger(o *option.Set, kind string) {
	x.linger = o.Duration("linger", time.Second, live, "time limit for sending what is queued when the "+kind+" is closed")
}

// addLimits adds what one peer may cost, at most.
func (x *networkOptions) addLimits(o *option.Set) {
	limit := func(key string, n int, usage string) *option.Size {
		return o.Size("limit."+key, int64(n), option.MaxLimit, beforeStart, usage+" (engine zmtp only)")
	}
	l, d := &x.limits, carrier.DefaultLimits
	l.connections = limit("connections", d.Connections, "maximum number of connected peers; further ones are refused")
	l.frames = limit("frames", d.Frames, "maximum number of frames in a message; a peer that exceeds it is disconnected")
	l.handshake = limit("handshake.bytes", d.HandshakeBytes, "maximum size of a peer's handshake, in bytes")
	l.handshakes = limit("handshakes", d.Handshakes, "maximum number of CURVE handshakes, and of TLS handshakes, under way at a server; a further peer takes the place of the one that has been waited for longest, if that is more than a second, or is refused")
	l.handshakeRate = limit("handshakes.rate", d.HandshakeRate, "maximum number of CURVE and TLS handshakes a second at a server; a quarter of it while more than a fifth of it fails, and then half of it is how many connections are accepted; further ones wait, and are refused if that would take longer than handshake.timeout")
	l.subscriptions = limit("subscriptions", d.Subscriptions, "maximum number of subscriptions of a peer; a peer that exceeds it is disconnected")
	l.subscriptionBytes = limit("subscriptions.bytes", d.SubscriptionBytes, "maximum total size of the subscriptions of a peer, in bytes")
}

// publisherOptions are those of a publisher besides the network's.
type publisherOptions struct {
	queueMessages *option.Size
	queueBytes    *option.Size
	queueFull     *option.Policy
	queueBlock    *option.Duration
	readyHold     *option.Duration
	sequence      *option.Choice
	redundant     *option.Choice
	redundantWait *option.Duration
	times         *option.Choice
}

func (x *publisherOptions) add(o *option.Set) {
	x.queueMessages = o.Size("queue.messages", 1_000_000, option.MaxCount, live, "maximum number of envelopes in the send queue")
	x.queueBytes = o.Size("queue.bytes", 64<<20, option.MaxBytes, live, "maximum size of the send queue, in bytes")
	x.queueFull = o.Policy("queue.full", queue.Block, beforeStart, "what publish does when the queue is full: block or auto (waits for room, up to queue.block), drop_new (discards the new envelope), drop_old (discards the oldest), latest_per_topic (keeps only the newest envelope of each topic), or error (fails at once)")
	x.queueBlock = o.Duration("queue.block", time.Second, live, "time limit for publish to wait for room in the queue, with queue.full = block or auto")
	x.readyHold = o.Duration("ready.hold", time.Second, live, "maximum time for which envelopes are held in the queue while there is no subscription")
	x.sequence = o.Choice("sequence", beforeStart, "whether envelopes carry sequence numbers, from which receivers detect losses: on or off", "on", "off")
	x.redundant = o.Choice("redundant", beforeStart, "whether the peers are redundant paths to the same receivers, so that a stalled path does not hold back the others: on, off, or auto (on if there are several addresses to connect to)", "auto", "on", "off")
	x.redundantWait = o.Duration("redundant.wait", 500*time.Millisecond, beforeStart, "time for which a stalled path may hold back the others; after that it misses envelopes until it has caught up")
	x.times = o.Choice("times", live, "which values a caller may pass as the time of an envelope: check (those that receivers understand) or any (every JSON value, as in 1.x)", "check", "any")
}

// receiverOptions are those of a receiver besides the network's.
type receiverOptions struct {
	slowAfter     *option.Duration
	onSlow        *option.Choice
	clockSkew     *option.Choice
	originsFilter *option.Choice
	queueMessages *option.Size
	queueBytes    *option.Size
	queueFull     *option.Policy
	queueBlock    *option.Duration
	redundant     *option.Choice
	redundantHold *option.Duration
	since         *option.Since
	statsAddress  *option.Text
}

func (x *receiverOptions) add(o *option.Set) {
	x.slowAfter = o.Duration("timeout", time.Second, live, "maximum age of an envelope on arrival")
	x.onSlow = o.Choice("on_slow", live, "what happens when an envelope is older than timeout: stop (the receiver stops, unless it has held back its peers itself), drop (the envelope is discarded), warn (it is delivered, and an event reports it), or ignore (it is delivered)", "stop", "drop", "warn", "ignore")
	x.clockSkew = o.Choice("clock.skew", live, "how different clocks are handled: off (the age is the difference between the clocks of receiver and sender), or guard (the age is relative to the fastest envelope of the same origin)", "off", "guard")
	x.originsFilter = o.Choice("origins.filter", live, "how accepted origins are used: on (if there are any, envelopes of all other origins are dropped), age (all origins pass, but only envelopes of accepted origins are checked against timeout; setting it clears the accepted origins), or off (all origins pass)", "on", "age", "off")
	x.queueMessages = o.Size("queue.messages", 1_000_000, option.MaxCount, live, "maximum number of envelopes in the receive queue")
	x.queueBytes = o.Size("queue.bytes", 32<<20, option.MaxBytes, live, "maximum size of the receive queue, in bytes")
	x.queueFull = o.Policy("queue.full", queue.Auto, beforeStart, "what happens when the queue is full: auto (as block), block (the receiver stops reading, which holds back its peers; if the application takes nothing for queue.block, it discards new envelopes until half of the queue has been taken), drop_new (discards the new envelope), drop_old (discards the oldest), latest_per_topic (keeps only the newest envelope of each topic), or error (the receiver stops)")
	x.queueBlock = o.Duration("queue.block", time.Second, live, "time in which the application takes nothing from the full queue before new envelopes are discarded, with queue.full = auto or block")
	x.redundant = o.Choice("redundant", beforeStart, "whether the addresses deliver copies of the same envelopes, of which one is delivered: on, off, or auto (on if there are several addresses to connect to)", "auto", "on", "off")
	x.since = o.Since("since", beforeStart, "from when on to receive what was sent before the start, from post offices that keep history of its topics, and after a break what was missed: all, a span of time before the start such as 10m, a number of seconds since 1970, or a time such as 2026-01-31T09:30:00Z; empty: only what is sent from now on (engine zmtp only)")
	x.statsAddress = o.Text("stats.address", beforeStart, "incoming side of a post office, where a receiver that is not part of a node with a publisher publishes its own state; it connects there with the options for keys and certificates that it has", checkAddresses)
	x.redundantHold = o.Duration("redundant.hold", 2*time.Second, live, "time for which an envelope is held in the reorder buffer while earlier ones may still arrive over another path")
}

// postOfficeOptions are those of a post office besides the network's.
type postOfficeOptions struct {
	queueMessages *option.Size
	queueBytes    *option.Size
	queueFull     *option.Choice
	queueBlock    *option.Duration
	cacheDepth    *option.Size // 0: there is no cache
	cacheTopics   *option.Prefixes
	cacheBytes    *option.Size
	cacheOld      *option.Choice
}

// maxDepth bounds the envelopes that are cached of one topic.
const maxDepth = 1 << 20

func (x *postOfficeOptions) add(o *option.Set) {
	x.queueMessages = o.Size("queue.messages", carrier.DefaultQueueMessages, option.MaxCount, live, "maximum number of messages queued for one subscriber (engine libzmq: a change applies to new subscribers)")
	x.queueBytes = o.Size("queue.bytes", carrier.DefaultQueueBytes, option.MaxBytes, live, "maximum size of the queue for one subscriber, in bytes (engine zmtp only)")
	x.queueFull = o.Choice("queue.full", beforeStart, "what happens when a subscriber does not keep up: auto (publishers are held back while every subscriber that follows them is behind; otherwise new messages are dropped for the slow one, once its queue is full), block (publishers are held back while any subscriber that follows them is behind), drop_new (discards the new message), drop_old (discards the oldest), or latest_per_topic (keeps only the newest message of each topic); the last two need the engine zmtp, and libzmq takes auto as drop_new", "auto", "block", "drop_new", "drop_old", "latest_per_topic")
	x.queueBlock = o.Duration("queue.block", 10*time.Second, live, "time for which a subscriber may take nothing while publishers are held back for it; after that no publisher waits for it until it is no longer behind")
	x.cacheDepth = o.SizeOrNone("cache.depth", maxDepth, beforeStart, "number of newest envelopes of each topic that are cached and sent to new subscribers; 0 switches the cache off (engine zmtp only)")
	x.cacheTopics = o.Prefixes("cache.topics", beforeStart, "topic prefixes to cache, separated by commas; empty caches every topic")
	x.cacheBytes = o.Size("cache.bytes", 64<<20, option.MaxBytes, beforeStart, "maximum memory of the cache, in bytes; beyond it the least recently updated topics are evicted")
	x.cacheOld = o.Choice("cache.old", beforeStart, "what the cache sends to receivers that cannot tell a cached envelope from a delayed one, such as those of 1.x: off (nothing), or restamp (the envelopes, with the time of delivery as their time)", "off", "restamp")
}
