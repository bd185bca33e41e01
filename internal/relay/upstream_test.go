package relay

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestWhatIsSubscribedToUpstreamIsBounded(t *testing.T) {
	in := &fakeInlet{subscriptions: map[string]int{}}
	var u upstream
	tell := func(kind carrier.EventKind, from, to int) {
		for i := from; i < to; i++ {
			u.note(carrier.Event{Kind: kind, Prefix: fmt.Appendf(nil, "%d/", i)})
		}
	}
	tell(carrier.Subscribed, 0, 10)
	u.attach(in)
	require.Len(t, in.now(), 10, "those that came before")
	tell(carrier.Subscribed, 10, maxPrefixes)
	require.Len(t, in.now(), maxPrefixes)
	tell(carrier.Subscribed, maxPrefixes, maxPrefixes+10)
	require.Len(t, in.now(), maxPrefixes+2)
	require.Equal(t, 1, in.subscriptions[""], "everything, once")
	require.Equal(t, 1, in.subscriptions[`"$`], "and system topics, which that does not get")
	tell(carrier.Unsubscribed, 0, 5)
	tell(carrier.Unsubscribed, maxPrefixes, maxPrefixes+9)
	require.Equal(t, 1, in.subscriptions[""], "one is left that is not subscribed to by itself")
	tell(carrier.Subscribed, 0, 1)
	tell(carrier.Unsubscribed, maxPrefixes+9, maxPrefixes+10)
	require.Zero(t, in.subscriptions[""])
	require.Len(t, in.now(), maxPrefixes-4)
	u.note(carrier.Event{Kind: carrier.Subscribed, Prefix: make([]byte, maxPrefixBytes)})
	require.Equal(t, 1, in.subscriptions[""], "bytes are bounded too")
	u.withdraw()
	require.Empty(t, in.now())
}

// TestKeptPrefixesStay: what the cache needs is subscribed to without a receiver, and stays
// when one goes.
func TestKeptPrefixesStay(t *testing.T) {
	in := &fakeInlet{subscriptions: map[string]int{}}
	var u upstream
	u.keep([][]byte{[]byte("a")})
	u.attach(in)
	u.note(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("a")})
	u.note(carrier.Event{Kind: carrier.Unsubscribed, Prefix: []byte("a")})
	require.Equal(t, []string{"a"}, in.now())
	u.withdraw()
	require.Empty(t, in.now())
	u.note(carrier.Event{Kind: carrier.Subscribed, Prefix: []byte("b")})
	require.Empty(t, in.now(), "after the end")
}
