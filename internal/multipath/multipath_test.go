package multipath

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// fake is an inlet, and the opener of such; it keeps what is done with it.
type fake struct {
	cfg        carrier.InletConfig
	subscribed []string
	closed     bool
	opened     []*fake
	most       int // how many can be opened
}

func (f *fake) Supports(string) error { return nil }
func (f *fake) OpenOutlet(carrier.OutletConfig) (carrier.Outlet, error) {
	return nil, errors.New("not used")
}

func (f *fake) OpenInlet(cfg carrier.InletConfig) (carrier.Inlet, error) {
	if len(f.opened) == f.most {
		return nil, errors.New("no more")
	}
	one := &fake{cfg: cfg}
	f.opened = append(f.opened, one)
	return one, nil
}

func (f *fake) Subscribe(p []byte) error {
	f.subscribed = append(f.subscribed, "+"+string(p))
	return nil
}

func (f *fake) Unsubscribe(p []byte) error {
	f.subscribed = append(f.subscribed, "-"+string(p))
	return errors.New("closed")
}
func (f *fake) Endpoints() []string   { return f.cfg.Bind }
func (f *fake) Peers() []carrier.Peer { return []carrier.Peer{{ID: 7}, {ID: 0}} }
func (f *fake) Close()                { f.closed = true }

func TestSeveralInletsAreOne(t *testing.T) {
	list := address.List{Connect: []string{"tcp://a:1", "tcp://b:1"}, Bind: []string{"tcp://*:1"}}
	opener := &fake{most: 3}
	var paths []int
	var peers []uint64
	in, err := Open(opener, carrier.InletConfig{}, list.Split(),
		func(path int, _ *batch.Batch) { paths = append(paths, path) },
		func(path int, e carrier.Event) { paths, peers = append(paths, path), append(peers, e.Peer) })
	require.NoError(t, err)
	require.Len(t, opener.opened, 3)
	for i, one := range opener.opened {
		require.Equal(t, list.Split()[i], address.List{Bind: one.cfg.Bind, Connect: one.cfg.Connect})
		one.cfg.Deliver(nil)
		one.cfg.OnEvent(carrier.Event{Peer: 7})
	}
	require.Equal(t, []int{0, 0, 1, 1, 2, 2}, paths)
	require.Len(t, map[uint64]bool{peers[0]: true, peers[1]: true, peers[2]: true}, 3, "connections of different paths have different numbers")
	require.Equal(t, []string{"tcp://*:1"}, in.Endpoints())
	require.Len(t, in.Peers(), 6)
	require.Equal(t, peers[2], in.Peers()[4].ID)
	require.Zero(t, in.Peers()[5].ID, "unknown stays unknown")

	require.NoError(t, in.Subscribe([]byte("t")))
	require.Error(t, in.Unsubscribe([]byte("t")))
	in.Close()
	for _, one := range opener.opened {
		require.Equal(t, []string{"+t", "-t"}, one.subscribed)
		require.True(t, one.closed)
	}
}

func TestAnInletThatCannotBeOpenedClosesTheOthers(t *testing.T) {
	opener := &fake{most: 1}
	_, err := Open(opener, carrier.InletConfig{}, []address.List{{}, {}}, nil, nil)
	require.ErrorContains(t, err, "no more")
	require.True(t, opener.opened[0].closed)
}
