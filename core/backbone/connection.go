package backbone

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/durable"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// The times of a connection to NATS.
const (
	dialTimeout    = 2 * time.Second
	reconnectWait  = 250 * time.Millisecond
	reconnectSpan  = 250 * time.Millisecond // up to which a random pause is added
	pingInterval   = 5 * time.Second
	unansweredPing = 2               // so many, and the connection is given up
	writeTimeout   = 5 * time.Second // beyond which it is given up as well
)

// connectOptions are what Options say of the connection to NATS.
func connectOptions(o Options) ([]nats.Option, error) {
	out := []nats.Option{
		nats.Name("hermes post office " + o.Site), nats.NoEcho(),
		nats.Timeout(dialTimeout), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectSpan, reconnectSpan),
		nats.ReconnectBufSize(-1), // what cannot be sent now is dropped and counted
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(unansweredPing), nats.FlusherTimeout(writeTimeout),
	}
	login, err := durable.Login{Credentials: o.Credentials, NKey: o.NKey, CA: o.TLS.CA, Cert: o.TLS.Cert, Key: o.TLS.Key}.Options()
	return append(out, login...), err
}

// connect begins to connect. It waits for a first attempt, and goes on in the background.
func (b *Backbone) connect() error {
	options, err := connectOptions(b.o)
	if err != nil {
		return err
	}
	if b.server != nil {
		options = append(options, nats.InProcessServer(inProcess{b.server, &b.inbox.gate}))
		if b.o.Embedded.Client == "" {
			options = append(options, nats.Token(b.token))
		}
	}
	options = append(options, nats.SetCustomDialer(&b.inbox.gate),
		nats.ConnectHandler(b.onConnected), nats.ReconnectHandler(b.onReconnected),
		nats.DisconnectErrHandler(b.onDisconnected), nats.ErrorHandler(b.onError),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.problem(err) }))
	b.conn, err = nats.Connect(strings.Join(b.o.Servers, ","), options...)
	if err != nil {
		return errs.Errorf(errs.EINVAL, "%s cannot join the backbone at %s: %v", b.who, b.where(), err)
	}
	if err := b.conn.LastError(); err != nil && !b.conn.IsConnected() {
		b.problem(err)
	}
	return nil
}

// where names the NATS servers, without users, passwords and tokens.
func (b *Backbone) where() string {
	var shown []string
	for _, text := range b.o.Servers {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			u.User = nil
			text = u.String()
		}
		shown = append(shown, text)
	}
	return cmp.Or(strings.Join(shown, ","), "its own NATS server")
}

func (b *Backbone) onConnected(c *nats.Conn) {
	b.link.queue.resize(c.MaxPayload())
	b.sites.Back()
	b.ready.Set(true)
	b.add("backbone_connected", notify.Info, fmt.Sprintf("%s is connected to the backbone at %s", b.who, b.where()))
}

func (b *Backbone) onReconnected(c *nats.Conn) {
	b.reconnects.Add(1)
	b.onConnected(c)
}

func (b *Backbone) onDisconnected(_ *nats.Conn, err error) {
	b.ready.Set(false)
	b.sites.Away()
	if b.closing.Load() {
		return
	}
	why := "the server has closed the connection"
	if err != nil {
		why = err.Error()
	}
	b.add("backbone_disconnected", notify.Warning, fmt.Sprintf("%s has lost the backbone at %s: %s; it tries again, and what it sends meanwhile is dropped, but for durable topics", b.who, b.where(), why))
}

// onError is told of what nats.go notices by itself.
func (b *Backbone) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if sub != nil {
		b.subscriber.noteSlow(sub)
	}
	b.problem(err)
}

// problem tells of what is wrong, once a minute at most.
func (b *Backbone) problem(err error) {
	b.problems.Lock()
	_, due := b.problemLimit.PassEvery(notify.WarnEvery, time.Now(), 1)
	b.problems.Unlock()
	if due {
		b.add("backbone_problem", notify.Warning, fmt.Sprintf("%s has a problem with the backbone at %s: %v", b.who, b.where(), err))
	}
}

// serverProblem tells what the NATS server inside this process complains of, once a minute at most.
func (b *Backbone) serverProblem(text string) {
	b.problems.Lock()
	_, due := b.serverLimit.PassEvery(notify.WarnEvery, time.Now(), 1)
	b.problems.Unlock()
	if due && !b.closing.Load() {
		b.add("backbone_problem", notify.Warning, fmt.Sprintf("%s: its NATS server says: %s", b.who, text))
	}
}
