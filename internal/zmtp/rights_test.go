package zmtp

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

const (
	mayReceiveTicks  = anonymous + "[[allow]]\nusers = [\"any\"]\nsubscribe = [\"ticks\"]\n"
	mayReceiveQuotes = anonymous + "[[allow]]\nusers = [\"any\"]\nsubscribe = [\"quotes\"]\n"
)

// rawSubscriber is a raw peer that has subscribed to everything.
func rawSubscriber(t testing.TB, o testOutlet) *rawPeer {
	t.Helper()
	peer := connectRaw(t, o.address())
	peer.shakeHands("SUB", 1)
	peer.send(appendSubscription(nil, 1, true, nil))
	return peer
}

// A review begins with the peers that there are, one of which may leave before its turn comes.
func TestAReviewOfAPeerThatHasLeftChangesNothing(t *testing.T) {
	control := newControlled(t, mayReceiveTicks)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), control.option())
	peer := rawSubscriber(t, o)
	o.eventLog.wait(t, carrier.Subscribed, 2) // `"ticks"` and `"ticks/`
	c := (*o.peers.Load())[0]
	require.NoError(t, peer.Close())
	o.eventLog.wait(t, carrier.Disconnected, 1)
	control.change(t, mayReceiveQuotes)
	o.reviewOne(c)
	require.Zero(t, wanted(o.outlet))
	require.Zero(t, c.topics.Len())
}

func TestAPeerThatIsBeingAttachedCanBeReviewed(t *testing.T) {
	control := newControlled(t, mayReceiveTicks)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), control.option())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				_ = rawSubscriber(t, o).Close()
			}
		})
	}
	all.Go(func() {
		for range 20 {
			control.change(t, mayReceiveQuotes)
			control.change(t, mayReceiveTicks)
		}
	})
	all.Wait()
	testkit.Eventually(t, func() bool { return len(*o.peers.Load()) == 0 }, "all have left")
	require.Zero(t, wanted(o.outlet))
	o.eventLog.wait(t, carrier.Disconnected, 40)
	for _, e := range o.eventLog.all() {
		if e.Kind == carrier.Disconnected {
			require.Equal(t, carrier.CauseLeft, e.Cause, e.Reason)
		}
	}
}

// An expelled user may have sent many subscriptions, which take long to process.
func TestAnExpelledUserIsSentNothingAndSubscribesToNothing(t *testing.T) {
	control := newControlled(t, mayReceiveTicks)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), control.option())
	rawSubscriber(t, o)
	o.eventLog.wait(t, carrier.Subscribed, 2)
	c := (*o.peers.Load())[0]
	control.change(t, "[users.other]\nkeys = []\n")
	require.Error(t, o.subscribe(c, true, []byte(`"ticks/more`)))
	c.out.mu.Lock()
	require.False(t, c.wants([]byte(`"ticks"`)))
	c.out.mu.Unlock()
}

func TestAReasonOfThePeersIsPrintable(t *testing.T) {
	f := refusedFor("\x1b[2J\nkey\xff is not known", "")
	require.Equal(t, "?[2J?key\uFFFD is not known", f.Text)
	require.Equal(t, f.Text, f.Said)
}
