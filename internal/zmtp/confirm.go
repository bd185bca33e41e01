package zmtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// How a post office confirms what its publishers have sent.
//
//	READY           X-Hermes-Confirm from an outlet: it retains what is not confirmed (retained.go), and knows
//	                the commands; no other peer is sent them. The value names the outlet and the address. An
//	                inlet reads a connection only when it has read former ones of the same publisher to their
//	                ends, so that order is kept where messages are sent again. The same publisher has the same
//	                value, and has proved to be the same peer: the value alone is no secret of one that has heard it
//	HERMES-DURABLE  from the inlet: of which topics. It comes before the subscriptions, so nothing was
//	                sent before it; where it comes again, later, it counts for what is queued from then
//	                on, and what is not confirmed by then is sent again after the next one that names
//	                topics. Without topics nothing is retained any more
//	HERMES-CONFIRM  from the inlet: how many messages of the connection, counted from its beginning and whatever
//	                their topics, need not be retained any more
//
// Data of HERMES-DURABLE, for each prefix:
//
//	offset  size  meaning
//	0       4     size of the prefix, n, network order
//	4       n     what first frames begin with
//
// Data of HERMES-CONFIRM: 8 bytes, network order. More than was sent, or another size, ends the connection.

var errDurable = errors.New("malformed " + cmdDurable)

// maxConfirmBacklog is how many bytes of commands may wait for a publisher that is confirmed messages.
const maxConfirmBacklog = 1 << 20

// appendDurable adds a HERMES-DURABLE.
func appendDurable(dst []byte, prefixes [][]byte) []byte {
	var data []byte
	for _, p := range prefixes {
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(p))), p...)
	}
	return appendCommand(dst, cmdDurable, data)
}

// parseDurable reads the data of a HERMES-DURABLE, within the limits of subscriptions.
func parseDurable(data []byte, l *carrier.Limits) (prefixes [][]byte, err error) {
	size := 0
	for len(data) > 0 {
		if len(data) < 4 {
			return nil, errDurable
		}
		n := binary.BigEndian.Uint32(data)
		if data = data[4:]; uint64(n) > uint64(len(data)) {
			return nil, errDurable
		}
		if err := checkSubscription(l, len(prefixes), size, data[:n]); err != nil {
			return nil, err
		}
		prefixes = append(prefixes, append([]byte{}, data[:n]...))
		size += int(n)
		data = data[n:]
	}
	return prefixes, nil
}

// appendConfirm adds a HERMES-CONFIRM.
func appendConfirm(dst []byte, messages uint64) []byte {
	return appendCommand(dst, cmdConfirm, binary.BigEndian.AppendUint64(nil, messages))
}

var _ carrier.Confirmer = (*inlet)(nil)

// How often an inlet looks whether a former connection has been read to its end: at first, and after a while.
const (
	formerEvery  = time.Millisecond
	formerAtMost = 50 * time.Millisecond
)

// samePublisher reports whether two connections are those of one publisher. Where the peer has proved nothing, its
// address has to be the same but for the port, so that a stranger cannot hold up or end a connection of another host.
func samePublisher(a, b *conn) bool {
	return a.peer.confirm == b.peer.confirm && a.identity.Key == b.identity.Key && a.identity.Fingerprint == b.identity.Fingerprint &&
		slices.Equal(a.identity.Names, b.identity.Names) && a.peerCredentials == b.peerCredentials &&
		(a.identity.Key != "" || a.identity.Fingerprint != "" || withoutPort(a.address) == withoutPort(b.address))
}

// withoutPort is an address of TCP without its port; others are as they are.
func withoutPort(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	if host, _, err := net.SplitHostPort(rest); err == nil {
		return host
	}
	return address
}

// awaitFormer waits until former connections of the same publisher have been read to their ends, which
// this end may not have noticed: one that was cut has none.
func (i *inlet) awaitFormer(c *conn) error {
	if c.peer.confirm == "" {
		return nil
	}
	for pause := formerEvery; ; pause = min(2*pause, formerAtMost) {
		peers := *i.peers.Load()
		at := slices.IndexFunc(peers, func(p *conn) bool { return p.id < c.id && samePublisher(p, c) })
		if at < 0 {
			return nil
		}
		if own := c.aborted.Load(); own != nil {
			return *own
		}
		if old := peers[at]; !old.busy.Load() && !old.io.unread() {
			old.abort(errConnectedAgain)
		}
		time.Sleep(pause)
	}
}

var errConnectedAgain = errors.New("the publisher has connected again")

// askToRetain gives what a peer is to be told of durable topics; again says that it was told before.
// The caller holds mu.
func (i *inlet) askToRetain(c *conn, again bool) []byte {
	if c.peer.confirm == "" || len(i.durable) == 0 && !again {
		return nil
	}
	c.source.Load().Retains.Store(len(i.durable) > 0)
	return appendDurable(nil, i.durable)
}

// AskToRetain implements carrier.Confirmer.
func (i *inlet) AskToRetain(prefixes [][]byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.EqualFunc(i.durable, prefixes, bytes.Equal) {
		return
	}
	i.durable = prefixes
	for _, c := range i.subscribed {
		if told := i.askToRetain(c, true); told != nil {
			c.post(told, maxConfirmBacklog)
		}
	}
}

// Confirm implements carrier.Confirmer.
func (i *inlet) Confirm(received map[uint64]uint64) {
	for _, c := range *i.peers.Load() {
		if n, ok := received[c.id]; ok {
			c.post(appendConfirm(nil, n), maxConfirmBacklog)
		}
	}
}

var errAsksAgain = errors.New("the peer asks again and again for what is not confirmed, and does not read it")

// retainDurable takes in a HERMES-DURABLE, and sends again what was not confirmed: for a peer that reads
// nothing a few times at most, because each time is one more copy in memory.
func (o *outlet) retainDurable(c *conn, data []byte) error {
	prefixes, err := parseDurable(data, &o.cfg.Limits)
	if err != nil {
		return err
	}
	kind := carrier.ConfirmsNoMore
	c.out.mu.Lock()
	if len(prefixes) > 0 && o.retention.floods(c) {
		c.out.mu.Unlock()
		return errAsksAgain // what is retained stays so, and is sent again over the next connection
	}
	o.retention.keep(c)
	if len(prefixes) > 0 && !c.out.over() {
		kind = carrier.Confirms
		r := o.retention.newRetained(prefixes)
		r.resend(&c.out, o.retention.take(c))
		c.out.retained = r
	}
	if c.out.waiting > 0 {
		c.out.roomMade.Broadcast() // what it was full of may be retained no more
	}
	c.flush()
	o.emit(carrier.Event{Kind: kind, Peer: c.id, Address: c.address})
	return nil
}

// takeConfirm takes in a HERMES-CONFIRM.
func (o *outlet) takeConfirm(c *conn, data []byte) error {
	if len(data) != 8 {
		return errors.New("malformed " + cmdConfirm)
	}
	n := binary.BigEndian.Uint64(data)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if queued := c.out.sent + uint64(c.out.messages); n > queued {
		return fmt.Errorf("the peer has confirmed %d messages of %d", n, queued)
	}
	c.out.confirmed = max(c.out.confirmed, n)
	if c.out.retained != nil {
		c.out.retained.confirm(n)
		if c.out.waiting > 0 {
			c.out.roomMade.Broadcast()
		}
	}
	return nil
}
