package durable

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func streamOf(t *testing.T, prefix string) (natssubject.Space, stream) {
	space, err := natssubject.New("c")
	require.NoError(t, err)
	st, err := newStream(space, Topics{Prefix: prefix})
	require.NoError(t, err)
	return space, st
}

func TestHistoryReadsAsLittleOfAStreamAsSubscriptionsNeed(t *testing.T) {
	space, st := streamOf(t, "orders/eur/")
	raw := func(prefixes ...string) (out [][]byte) {
		for _, p := range prefixes {
			out = append(out, []byte(p))
		}
		return out
	}
	for _, c := range []struct {
		prefixes [][]byte
		filters  []string
	}{
		{raw(`"trades/`), nil},
		{raw(``), []string{st.filter}},
		{raw(`"orders/`), []string{st.filter}},
		{raw(`"orders/eur/17"`), []string{space.DurableFilter([]byte(`"orders/eur/17"`))}},
		{raw(`"orders/eur/17/`, `"orders/eur/17/x"`, `"trades/`), []string{space.DurableFilter([]byte(`"orders/eur/17/`))}},
		{raw(`"orders/eur/17/x"`, `"orders/eur/17/`), []string{space.DurableFilter([]byte(`"orders/eur/17/`))}},
		{raw(`"orders/eur/17"`, `"orders/eur/1`), []string{st.filter}},
	} {
		require.Equal(t, c.filters, st.filters(space, c.prefixes), "%q", c.prefixes)
	}
	var many [][]byte
	for i := range maxFilters {
		many = append(many, fmt.Appendf(nil, `"orders/eur/%d"`, i))
	}
	require.Len(t, st.filters(space, many), maxFilters)
	require.Equal(t, []string{st.filter}, st.filters(space, append(many, []byte(`"orders/eur/x"`))))
}

func TestThePositionOfHistoryIsThatOfTheLastStream(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	busy, slow, idle := &receiver{reached: at}, &receiver{reached: at.Add(-time.Hour)}, &receiver{all: true}
	position := func(all ...*receiver) time.Time { return (&History{s: &Site{receivers: all}}).Position() }
	require.True(t, position().IsZero())
	require.Equal(t, at, position(busy))
	require.Equal(t, at.Add(-time.Hour), position(slow, busy))
	require.Equal(t, at.Add(-idleMargin), position(busy, idle))
	require.True(t, position(busy, &receiver{}).IsZero(), "nothing is known of the other")
	require.True(t, position(idle).IsZero())
	slow.all = true
	require.Equal(t, at.Add(-idleMargin), position(slow, busy))
}

func TestAReaderOfHistoryGoesOnBehindAPause(t *testing.T) {
	e := startEngine(t)
	a := join(t, "a", e.url(), nil).ready()
	const n = 3000
	want := a.send("orders/x", "p", 0, n)
	all := func([]byte) bool { return true }
	r, err := a.History(func(context.Context) error { return nil }, all, all).Open(context.Background(), [][]byte{nil}, time.Time{})
	require.NoError(t, err)
	defer r.Close()
	r.Pause()
	r.Mark()
	var got []string
	for {
		b, _, err := r.Next(context.Background())
		require.NoError(t, err)
		if b == nil {
			break
		}
		for i := range b.Len() {
			seq, _ := wire.SequenceOf(b.Message(i))
			got = append(got, fmt.Sprintf("orders/x/p/%d", seq.Number))
		}
		b.Release()
		r.Pause()
		for _, part := range r.(*historyReader).parts {
			require.Nil(t, part.messages)
		}
	}
	require.Equal(t, want, got)
}
