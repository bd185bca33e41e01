//go:build cgo && !nolibzmq

package libzmq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestAPostOfficeRelaysWhatHasArrivedBeforeItCloses, though nothing has been read of it yet.
func TestAPostOfficeRelaysWhatHasArrivedBeforeItCloses(t *testing.T) {
	const n = 5000 // more than a batch
	delivered, first, goOn := 0, make(chan struct{}, n), make(chan struct{})
	in, err := Opener{}.OpenInlet(carrier.InletConfig{
		Config: carrier.Config{Type: carrier.XSUB, Bind: []string{"inproc://drained"}},
		Deliver: func(b *batch.Batch) {
			delivered += b.Len()
			first <- struct{}{}
			<-goOn
		},
	})
	require.NoError(t, err)
	require.NoError(t, in.Subscribe(nil))
	var events eventLog
	o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Type: carrier.XPUB, Connect: in.Endpoints(), OnEvent: events.record}})
	testkit.Eventually(t, func() bool { return events.has(carrier.Subscribed, "") }, "it has subscribed")
	require.Equal(t, 1, o.Send(messages("first")).Sent)
	testkit.Receive(t, first, "the first message")
	for range n - 1 { // which inproc brings to the inlet at once
		require.Equal(t, 1, o.Send(messages("more")).Sent)
	}
	testkit.Finish(t, "closing", func() {
		closing := make(chan struct{})
		go func() { defer close(closing); in.Close() }()
		testkit.Eventually(t, func() bool {
			own := in.(*inlet)
			own.mu.Lock()
			defer own.mu.Unlock()
			return own.closed
		}, "it is closing")
		close(goOn)
		<-closing
	})
	require.Equal(t, n, delivered)
}
