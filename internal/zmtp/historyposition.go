package zmtp

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// How an inlet asks for history (carrier.InletConfig.Since), and where it goes on after a break.
//
//	own READY       X-Hermes-Since: this end wants history. The time in it is for people
//	peer's READY    X-Hermes-History: the peer has history, and knows the commands
//	HERMES-SINCE    to the peer: history since then, for the subscriptions that follow
//	HERMES-REACHED  from the peer: this end has been sent everything that was stored before then, of
//	                all its subscriptions. After a break it asks since then
//	HERMES-MISSING  from the peer: what this end does not get, for people
//
// All times are decimal numbers of microseconds since 1970, on the clock of the peer's store; 0 is
// the beginning. A time is told again with every change that moves it back.

// historyPosition is how far history has come, by the address that was dialled. What a bound
// address has had begins anew with each connection: its peers cannot be told apart.
type historyPosition struct {
	since *time.Time // what to ask for first; nil: nothing. Constant

	mu      sync.Mutex // guards the rest; a leaf
	reached map[string]int64
	told    map[string]bool // addresses of which HistoryMissing has told that they have none
}

// micros is a time on the wire.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixMicro(), 0)
}

// timeOf undoes micros.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}

// parseMicros reads a time.
func parseMicros(data []byte) (int64, error) {
	n, err := strconv.ParseInt(string(data[:min(len(data), maxSince)]), 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("malformed time of history")
	}
	return n, nil
}

// appendTime adds a command with a time.
func appendTime(dst []byte, name string, micros int64) []byte {
	return appendCommand(dst, name, strconv.AppendInt(nil, micros, 10))
}

// start is where history begins for a connection.
func (p *historyPosition) start(c *conn) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.reached[c.at]; ok && !c.bound {
		return at
	}
	return micros(*p.since)
}

// ask asks a new peer for what is missing, if there is anything to ask for.
func (p *historyPosition) ask(c *conn) []byte {
	if p.since == nil || c.peer.history == "" {
		return nil
	}
	return appendTime(nil, cmdSince, p.start(c))
}

// askFirst asks a peer for all history of a subscription that is made for the first time.
func (p *historyPosition) askFirst(c *conn) []byte {
	if p.since == nil || c.peer.history == "" {
		return nil
	}
	return appendTime(nil, cmdSince, micros(*p.since))
}

// advance takes in a HERMES-REACHED.
func (p *historyPosition) advance(c *conn, data []byte) error {
	at, err := parseMicros(data)
	if err != nil || p.since == nil || c.bound {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reached == nil {
		p.reached = map[string]int64{}
	}
	p.reached[c.at] = at
	return nil
}

// announce implements role.
func (i *inlet) announce(c *conn, own *properties) {
	if p := &i.position; p.since != nil {
		own.since = strconv.FormatInt(p.start(c), 10)
	}
}

// checkHistory tells, once for each address, that a peer has no history.
func (i *inlet) checkHistory(c *conn) {
	p := &i.position
	if p.since == nil || c.peer.history != "" {
		return
	}
	at := c.at
	if c.bound {
		at = ""
	}
	p.mu.Lock()
	known := p.told[at]
	if p.told == nil {
		p.told = map[string]bool{}
	}
	p.told[at] = true
	p.mu.Unlock()
	if !known {
		i.reportMissing(c, "it keeps no history, and sends only what comes from now on")
	}
}

// reportMissing reports that history is not complete.
func (i *inlet) reportMissing(c *conn, reason string) {
	if i.position.since != nil {
		i.emit(carrier.Event{Kind: carrier.HistoryMissing, Peer: c.id, Address: c.address, Reason: reason})
	}
}
