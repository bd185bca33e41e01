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

// TestALinkIsNotToldWhatOnlyThoseWantThatItJoins: these tell it by themselves.
func TestALinkIsNotToldWhatOnlyThoseWantThatItJoins(t *testing.T) {
	in, l := &fakeInlet{subscriptions: map[string]int{}}, &fakeLink{subscriptions: map[string]int{}, joins: map[string]bool{"site": true}}
	var u upstream
	tell := func(kind carrier.EventKind, peer uint64, office, prefix string) {
		u.note(carrier.Event{Kind: kind, Peer: peer, Office: office, Prefix: []byte(prefix)})
	}
	u.attach(in)
	tell(carrier.Subscribed, 1, "site", "before")
	u.follow(l)
	tell(carrier.Subscribed, 1, "site", "a")
	require.ElementsMatch(t, []string{"a", "before"}, in.now())
	require.Empty(t, l.now())
	tell(carrier.Subscribed, 2, "chain", "a")
	require.Equal(t, []string{"a"}, l.now())
	tell(carrier.Subscribed, 3, "", "a")
	tell(carrier.Unsubscribed, 2, "chain", "a")
	require.Equal(t, []string{"a"}, l.now())
	tell(carrier.Unsubscribed, 3, "", "a")
	require.Empty(t, l.now())
	require.Equal(t, 1, in.subscriptions["a"])
	tell(carrier.Unsubscribed, 1, "site", "a")
	require.Equal(t, []string{"before"}, in.now())

	delete(l.joins, "site")
	u.review()
	require.Equal(t, []string{"before"}, l.now(), "it has left")
	l.joins["site"] = true
	u.review()
	require.Empty(t, l.now(), "it is back")
	u.withdraw()
	u.review()
	require.Empty(t, in.now())
	require.Empty(t, l.now())
}
