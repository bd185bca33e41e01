package zmtp

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func reader(o *outlet, c *conn) *subscriptionReader {
	return &subscriptionReader{
		limit:     o.cfg.Limits.SubscriptionBytes,
		subscribe: func(on bool, prefix []byte) error { return o.subscribe(c, on, prefix) },
		command:   c.command,
	}
}

func feedSubscriptions(u *subscriptionReader, stream []byte, piece int) error {
	for len(stream) > 0 {
		n := copy(u.room(), stream[:min(piece, len(stream))])
		stream = stream[n:]
		if err := u.consume(n); err != nil {
			return err
		}
		u.idle()
	}
	return nil
}

func TestBothFormsOfSubscription(t *testing.T) {
	stream := appendSubscription(nil, 1, true, []byte("a"))
	stream = appendSubscription(stream, 0, true, []byte("b"))
	stream = append(stream, message("an XSUB may send anything", "\x01this counts").Buf...)
	stream = append(stream, message("").Buf...)
	stream = appendCommand(stream, "UNKNOWN", []byte("x"))
	stream = appendSubscription(stream, 0, false, []byte("a"))
	stream = appendSubscription(stream, 1, false, []byte("b"))
	stream = appendSubscription(stream, 1, false, []byte("never was"))
	stream = appendSubscription(stream, 1, true, nil)
	stream = appendSubscription(stream, 0, true, bytes.Repeat([]byte("long"), 100))
	stream = appendSubscription(stream, 1, true, bytes.Repeat([]byte("l0ng"), 100))
	for piece := 1; piece < 64; piece++ {
		o, c, d := newOutletWithPeer(carrier.Limits{})
		require.NoError(t, feedSubscriptions(reader(o, c), stream, piece))
		require.Equal(t, []string{"+a", "+b", "+this counts", "-a", "-b", "+",
			"+" + string(bytes.Repeat([]byte("long"), 100)), "+" + string(bytes.Repeat([]byte("l0ng"), 100))}, topicHistory(d))
	}
}

func TestSubscriptionLimits(t *testing.T) {
	l := carrier.Limits{Subscriptions: 3, SubscriptionBytes: 100}
	sub := func(prefixes ...string) (s []byte) {
		for i, p := range prefixes {
			s = appendSubscription(s, byte(i%2), true, []byte(p))
		}
		return s
	}
	long := string(bytes.Repeat([]byte("x"), 60))
	for name, c := range map[string]struct {
		stream []byte
		reason string
	}{
		"count":   {sub("a", "b", "c", "c", "d"), "more than 3 subscriptions"},
		"bytes":   {sub(long, long+"y"), "more than 100 bytes together"},
		"one":     {sub(long + long), "above the limit of 100"},
		"claim":   {[]byte{6, 0, 0, 0, 1, 0, 0, 0, 0}, "above the limit of 100"},
		"message": {[]byte{2, 0, 0, 0, 1, 0, 0, 0, 0, 1}, "above the limit of 100"},
		"framing": {[]byte{0x80, 1}, "reserved flags"},
	} {
		o, conn, _ := newOutletWithPeer(l)
		require.ErrorContains(t, feedSubscriptions(reader(o, conn), c.stream, 1000), c.reason, name)
	}
	o, conn, d := newOutletWithPeer(l)
	u := reader(o, conn)
	big := message(string(bytes.Repeat([]byte("no subscription"), 100_000))).Buf
	require.NoError(t, feedSubscriptions(u, append(big, sub("a")...), 1000))
	require.LessOrEqual(t, cap(u.buf), 4096, "skipped without being kept")
	require.Equal(t, []string{"+a"}, topicHistory(d))
}

// FuzzSubscriptions sends a peer's bytes in pieces and compares the table with a
// plain map, and the sum of the events with both.
func FuzzSubscriptions(f *testing.F) {
	f.Add(append(appendSubscription(nil, 1, true, []byte("a")), appendSubscription(nil, 0, false, []byte("a"))...), uint8(3))
	f.Add(append(message("x", "\x01y").Buf, appendPing(nil)...), uint8(1))
	f.Add([]byte("\x00\x02\x01a\x00\x02\x01a\x04\x08\x06CANCELa"), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		o, c, d := newOutletWithPeer(carrier.Limits{Subscriptions: 50, SubscriptionBytes: 200})
		model := map[string]bool{}
		u := reader(o, c)
		subscribe := u.subscribe
		u.subscribe = func(on bool, prefix []byte) error {
			key := string(prefix)
			err := subscribe(on, prefix)
			if err == nil && on {
				model[key] = true
			} else if !on {
				delete(model, key)
			}
			return err
		}
		err := feedSubscriptions(u, stream, 1+int(piece))

		// In one piece it means the same.
		o2, c2, d2 := newOutletWithPeer(o.cfg.Limits)
		err2 := feedSubscriptions(reader(o2, c2), stream, max(len(stream), 1))
		require.Equal(t, fmt.Sprint(err), fmt.Sprint(err2))
		require.Equal(t, topicHistory(d), topicHistory(d2))

		table := map[string]bool{}
		c.topics.Each(func(p []byte, n int) {
			require.Equal(t, 1, n)
			table[string(p)] = true
		})
		require.Equal(t, model, table)
		require.LessOrEqual(t, c.topics.Len(), 50)
		require.LessOrEqual(t, c.topics.Bytes(), 200)
		for _, e := range d.all() {
			if key := string(e.Prefix); e.Kind == carrier.Subscribed {
				require.False(t, table["event:"+key])
				table["event:"+key] = true
			} else {
				require.True(t, table["event:"+key])
				delete(table, "event:"+key)
			}
		}
		require.Len(t, table, 2*len(model))
		o.detach(c)
		require.Zero(t, o.wanted.Len())
	})
}
