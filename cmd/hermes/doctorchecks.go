package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/probe"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// look takes the steps that one address needs.
func (d *doctor) look() {
	target, err := probe.Parse(d.address)
	if err != nil {
		d.fail("resolve", "correct the address", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.target.timeout)
	defer cancel()
	began := time.Now()
	places, err := target.Resolve(ctx)
	if err != nil {
		d.fail("resolve", "check the spelling of the host name, and the name service", "%v", err)
		return
	}
	d.ok("resolve", time.Since(began), "%s", strings.Join(places, ", "))
	if target.Transport == "tls" {
		d.certificate(target, places[0])
	}
	c := d.connect(target, places)
	if c == nil {
		return
	}
	defer c.Close()
	d.greet(target, c)
}

// connect tries one place after the other, and gives the first connection.
func (d *doctor) connect(target probe.Target, places []string) (first *probe.Conn) {
	for _, place := range places {
		ctx, cancel := context.WithTimeout(d.ctx, d.target.timeout)
		// The certificate is only looked at here; a component checks it in the step "mechanism".
		c, err := target.Dial(ctx, place, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		cancel()
		switch {
		case err != nil && len(places) > 1:
			d.warn("connect", "programs try the other places of this name too; remove this one from the name service if it is not meant", "%s: %v", place, plainCause(err))
		case err != nil:
			d.fail("connect", connectAdvice(err), "%s: %v", place, plainCause(err))
		case first == nil:
			d.ok("connect", c.Took, "%s", place)
			first = c
		default:
			c.Close()
		}
	}
	if first == nil && len(places) > 1 {
		d.fail("connect", "check that the post office is running, and that this is its address", "none of %d places answers", len(places))
	}
	return first
}

// plainCause is an error of a connection without the addresses around it.
func plainCause(err error) error {
	var system syscall.Errno
	switch {
	case errors.As(err, &system):
		return system
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	}
	return err
}

func connectAdvice(err error) string {
	switch {
	case errors.Is(err, errno.ECONNREFUSED):
		return "no program listens there: check that the post office is running, and that this is its address"
	case errors.Is(err, os.ErrNotExist):
		return "check that the post office is running, and that its path is the same"
	case errors.Is(err, os.ErrPermission):
		return "check the permissions of this user for the socket file (options ipc.mode, ipc.owner, ipc.group)"
	case errors.Is(err, errno.EHOSTUNREACH), errors.Is(err, errno.ENETUNREACH):
		return "check the host, and the network between here and there"
	}
	return "check the address, and whether a firewall drops the connection"
}

// certificate looks at what a server of tls shows.
func (d *doctor) certificate(target probe.Target, place string) {
	ctx, cancel := context.WithTimeout(d.ctx, d.target.timeout)
	defer cancel()
	var state tls.ConnectionState
	look := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ServerName: target.Host,
		VerifyConnection: func(s tls.ConnectionState) error { state = s; return nil }}
	if c, err := target.Dial(ctx, place, look); err == nil {
		c.Close()
	}
	if len(state.PeerCertificates) == 0 {
		return // the next step says why
	}
	leaf := state.PeerCertificates[0]
	left := time.Until(leaf.NotAfter)
	text := fmt.Sprintf("for %s, issued by %s, valid until %s", strings.Join(append(leaf.DNSNames, ipTexts(leaf.IPAddresses)...), ", "),
		leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
	const soon = 14 * 24 * time.Hour
	switch {
	case left < 0:
		d.fail("certificate", "renew the certificate of what listens there", "%s: it has expired", text)
	case time.Now().Before(leaf.NotBefore):
		d.fail("certificate", "compare the clocks of both machines", "%s: it is not valid yet", text)
	case left < soon:
		d.warn("certificate", "renew it in time", "%s", text)
	default:
		d.ok("certificate", 0, "%s", text)
	}
}

func ipTexts[T fmt.Stringer](addresses []T) (all []string) {
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return all
}

// greet exchanges greetings, and then goes on as the mechanism demands.
func (d *doctor) greet(target probe.Target, c *probe.Conn) {
	c.Until(time.Now().Add(d.target.timeout))
	began := time.Now()
	if err := c.Greet(); err != nil {
		advice := "check why what listens there closes connections: its log may say"
		if errors.Is(err, probe.ErrNotZMTP) {
			advice = "another kind of program listens there: check the port"
			if strings.Contains(err.Error(), `"\x15\x03`) {
				advice = "it speaks TLS: write tls:// in place of tcp://, and set tls.ca or tls.pins"
			}
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			advice = "something accepts connections there and says nothing: check the port, and whether the program hangs"
		}
		d.fail("greet", advice, "%v", plainCause(err))
		return
	}
	if c.Peer.Mechanism == "" {
		d.fail("greet", "upgrade what listens there to libzmq 4 or newer, or to hermes 2", "it speaks ZMTP %s, which is too old", c.Peer.Version)
		return
	}
	d.ok("greet", time.Since(began), "ZMTP %s, mechanism %s", c.Peer.Version, c.Peer.Mechanism)
	if c.Peer.Mechanism == "NULL" {
		if other := d.introduce(target, c); other != nil {
			defer other.Close()
			c = other
		}
	}
	d.mechanism(c, c.Ready.SocketType)
	d.pings(c, c.Ready.SocketType != "")
}

// introduce learns, where no keys are needed, which kind of socket listens there. A socket that takes
// publishers refuses a receiver: then it gives another connection, as a publisher.
func (d *doctor) introduce(target probe.Target, c *probe.Conn) *probe.Conn {
	if err := c.Introduce("SUB"); err == nil && c.Ready.SocketType != "XSUB" && c.Ready.SocketType != "SUB" {
		return nil
	}
	place := c.RemoteAddr().String()
	if target.Transport == "ipc" {
		place = target.Path
	}
	other, err := target.Dial(d.ctx, place, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return nil
	}
	other.Until(time.Now().Add(d.target.timeout))
	if other.Greet() != nil || other.Introduce("PUB") != nil {
		other.Close()
		return nil
	}
	return other
}

// whatListens is what a socket type stands for.
func whatListens(p probe.Properties) string {
	kind := map[string]string{"XPUB": "a post office's address for receivers", "XSUB": "a post office's address for publishers",
		"PUB": "a publisher", "SUB": "a receiver"}[p.SocketType]
	switch {
	case kind == "":
		return fmt.Sprintf("a socket of type %.20q", p.SocketType)
	case p.Office != "" || p.Hermes != "":
		return kind + " (hermes 2)"
	}
	return kind + " (hermes 1.x, or another program with libzmq)"
}

// mechanism connects as a component does, with the keys and certificates of the command line.
func (d *doctor) mechanism(c *probe.Conn, side string) {
	switch side {
	case "", "XPUB", "PUB":
		if d.asReceiver(c) || side != "" {
			return
		}
		d.asPublisher(c)
	case "XSUB", "SUB":
		d.asPublisher(c)
	default:
		d.fail("mechanism", "check the port", "%s listens there, which neither sends nor takes envelopes", whatListens(c.Ready))
	}
}

// asReceiver connects as a receiver, and tries its rights. It reports whether the address is one
// for receivers, or that has been decided otherwise.
func (d *doctor) asReceiver(c *probe.Conn) bool {
	r, err := d.target.receiverAt(d.address, "hermes-doctor")
	if err != nil {
		d.fail("mechanism", "correct the option", "%v", err)
		return true
	}
	defer r.Close()
	if err := errors.Join(observe.Prepare(r), r.Subscribe(d.topic+"nothing"), r.Start()); err != nil {
		d.fail("mechanism", "correct the option", "%v", err)
		return true
	}
	began := time.Now()
	err = r.WaitReady(d.target.timeout)
	if err != nil {
		if c.Ready.SocketType == "" && strings.Contains(err.Error(), "address for publishers") {
			return false
		}
		d.unready(c, err)
		return true
	}
	d.out = d.address
	what := "a post office or publisher"
	if c.Ready.SocketType != "" {
		what = whatListens(c.Ready)
	}
	d.ok("mechanism", time.Since(began), "%s: %s", d.mechanismText(c), what)
	if d.refusal(r) {
		return true
	}
	d.ok("rights", 0, "it may receive topics that begin with %s", d.topic)
	return true
}

// asPublisher is the same of a publisher.
func (d *doctor) asPublisher(c *probe.Conn) {
	p, err := d.target.publisherAt(d.address, "hermes-doctor")
	if err == nil {
		defer p.Close()
		err = p.Start()
	}
	if err != nil {
		d.fail("mechanism", "correct the option", "%v", err)
		return
	}
	began, connected := time.Now(), false
	for err = p.WaitReady(10 * time.Millisecond); err != nil && time.Since(began) < d.target.timeout; err = p.WaitReady(10 * time.Millisecond) {
		if code := core.CodeOf(err); code == core.EACCES || code == core.EAUTH || d.ctx.Err() != nil {
			break
		}
		if connected = len(p.Stats().Peers) > 0; connected && time.Since(began) > 300*time.Millisecond {
			break
		}
	}
	if err != nil && !connected {
		d.unready(c, err)
		return
	}
	d.in = d.address
	what := "a post office or receiver"
	if c.Ready.SocketType != "" {
		what = whatListens(c.Ready)
	}
	d.ok("mechanism", time.Since(began), "%s: %s", d.mechanismText(c), what)
	if err != nil {
		d.warn("rights", "that is normal if there are no receivers; then publishers discard what they are given",
			"it is admitted, and no receiver has subscribed to anything")
		return
	}
	if err := p.Publish(d.topic+"nothing", "", []byte("null")); err != nil {
		d.fail("rights", "", "%v", err)
		return
	}
	if d.refusal(p) {
		return
	}
	d.ok("rights", 0, "it may publish topics that begin with %s, and receivers have subscribed", d.topic)
}

func (d *doctor) mechanismText(c *probe.Conn) string {
	if strings.HasPrefix(d.address, "tls://") {
		return "TLS, " + c.Peer.Mechanism
	}
	return c.Peer.Mechanism
}

// unready reports why a component is not admitted.
func (d *doctor) unready(c *probe.Conn, err error) {
	text := err.Error()
	if _, after, found := strings.Cut(text, "is not ready: "); found {
		text = after
	}
	advice := "check the log of what listens there"
	switch {
	case c.Peer.Mechanism == "CURVE":
		advice = "--set curve.server=KEY says which server to expect, --set curve.secret=FILE who this is; the server must know that key (curve.clients, or its policy)"
	case c.Peer.Mechanism == "NULL" && strings.Contains(text, "NULL"):
		advice = "no keys are used there: leave curve.server away, or give the server its keys"
	case c.Peer.Mechanism != "NULL":
		advice = "hermes has the mechanisms NULL and CURVE; the other side must offer one of them"
	case strings.HasPrefix(d.address, "tls://"):
		advice = "--set tls.ca=FILE or tls.pins says which server to trust, tls.cert and tls.key who this is"
	}
	d.fail("mechanism", advice, "%s: %s", d.mechanismText(c), text)
}

// refusal waits for a moment whether a component is told that it has no right, and reports that.
func (d *doctor) refusal(component core.Component) bool {
	const moment = 200 * time.Millisecond
	for end := time.Now().Add(moment); ; {
		e, err := component.NextEvent(max(time.Until(end), 0))
		if err != nil {
			return false
		}
		if e.Kind == "denied" {
			d.fail("rights", "ask for the right in the policy of the post office (hermes policy test says what a user may do), or choose a --topic that is allowed", "%s", e.Text)
			return true
		}
	}
}

// pings measures the round trip.
func (d *doctor) pings(c *probe.Conn, introduced bool) {
	const times = 5
	least := time.Duration(math.MaxInt64)
	for i := range times {
		if !introduced {
			break
		}
		c.Until(time.Now().Add(min(d.target.timeout, time.Second)))
		took, err := c.Ping(uint32(i))
		if err != nil {
			break
		}
		least = min(least, took)
	}
	how := "round trip over the connection (ZMTP PING), least of 5"
	if least == math.MaxInt64 {
		kernel, ok := c.KernelTime()
		if !ok || kernel == 0 {
			d.skip("latency", "the peer does not answer PING, and this connection has no round trip time of its own")
			return
		}
		least, how = kernel, "round trip as TCP knows it"
	}
	d.latency[d.address] = least
	const far = 500 * time.Millisecond
	if least > far {
		d.warn("latency", "check the network between here and there: envelopes take at least half of it", "%s: %s", how, humane.Seconds(least.Seconds()))
		return
	}
	d.ok("latency", least, "%s", how)
}

// through sends a message from the side of the publishers to that of the receivers.
func (d *doctor) through() {
	topic := fmt.Sprintf("%s%016x", d.topic, rand.Uint64())
	r, err := d.target.receiverAt(d.out, "hermes-doctor")
	if err != nil {
		d.fail("subscription", "", "%v", err)
		return
	}
	defer r.Close()
	p, err := d.target.publisherAt(d.in, "hermes-doctor")
	if err != nil {
		d.fail("subscription", "", "%v", err)
		return
	}
	defer p.Close()
	if err := errors.Join(observe.Prepare(r), r.Subscribe(topic), p.Set("ready.hold", "0"), p.Start(), r.Start()); err != nil {
		d.fail("subscription", "", "%v", err)
		return
	}
	began := time.Now()
	for n := 0; time.Since(began) < d.target.timeout && d.ctx.Err() == nil; n++ {
		if err := p.Publish(topic, "", []byte("null")); err != nil {
			d.fail("subscription", "", "%v", err)
			return
		}
		sent := time.Now()
		e, err := r.Recv(100 * time.Millisecond)
		if err != nil {
			continue
		}
		if n > 0 { // the first that arrives may have waited for the subscription
			if _, err = r.Recv(0); err == nil {
				continue
			}
		}
		d.ok("subscription", time.Since(began), "subscribed and received what was published; a message took %s", humane.Seconds(min(time.Since(sent).Seconds(), e.Received-e.TS)))
		return
	}
	advice := "are both addresses those of the same post office? If so, a policy may deny the topic: choose another with --topic"
	if d.refusal(r) || d.refusal(p) {
		advice = ""
	}
	d.fail("subscription", advice, "nothing arrived within %v of what was published as %s", d.target.timeout, topic)
}

// clocks compares the clocks of all who are heard with the one here.
func (d *doctor) clocks() {
	quiet := d.std
	quiet.err = io.Discard
	s, err := openSession(d.ctx, quiet, &target{out: d.out, timeout: d.target.timeout, sides: []side{sideOut}, settings: d.target.settings, kept: d.target.kept},
		observe.Config{By: []observe.Key{observe.ByOrigin}, Components: true})
	if err != nil {
		d.skip("clock", "%v", err)
		return
	}
	defer s.close()
	w, err := s.sample(d.listen, true)
	if err != nil {
		d.skip("clock", "%v", err)
		return
	}
	delays := map[string]float64{}
	for _, row := range w.Rows[0] {
		if row.Delay.N > 0 {
			delays["origin "+row.Name] = row.Delay.Min
		}
	}
	for _, c := range s.Components() {
		delays[c.Kind+" "+c.Name] = c.Delay
	}
	if len(delays) == 0 {
		d.skip("clock", "nothing was heard for %v, neither a report nor an envelope", d.listen)
		return
	}
	d.judgeClocks(delays)
}

// judgeClocks reports the clocks that differ: by more than a path explains.
func (d *doctor) judgeClocks(delays map[string]float64) {
	path := d.latency[d.out].Seconds() / 2
	const some, much = 0.02, 0.5 // seconds; receivers of 1.x stop at envelopes that are 1 s old
	names := make([]string, 0, len(delays))
	for name := range delays {
		names = append(names, name)
	}
	slices.Sort(names)
	far := 0
	for _, name := range names {
		difference := delays[name] - path
		if math.Abs(difference) < some {
			continue
		}
		far++
		advice := "compare the clocks of both machines (NTP); receivers have the option clock.skew = guard"
		text := fmt.Sprintf("%s: its clock is %s behind the one here, or its envelopes are that old", name, humane.Seconds(difference))
		if difference < 0 {
			text = fmt.Sprintf("%s: its clock is %s ahead of the one here", name, humane.Seconds(-difference))
		}
		if math.Abs(difference) < much {
			d.warn("clock", advice, "%s", text)
		} else {
			d.fail("clock", advice, "%s", text)
		}
	}
	if far == 0 {
		d.ok("clock", 0, "%d clocks differ by less than %s from the one here", len(delays), humane.Seconds(some))
	}
}
