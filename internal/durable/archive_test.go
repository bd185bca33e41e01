package durable

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func openArchive(t *testing.T, url string) *Archive {
	t.Helper()
	a, err := OpenArchive([]string{url}, "test", "archive", Login{})
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// stored is what the streams have.
func (a *Archive) stored(t *testing.T, r Reading) (all []Stored, n ReadCounts) {
	t.Helper()
	n, err := a.Read(t.Context(), r, func(m Stored) error {
		all = append(all, m)
		return nil
	})
	require.NoError(t, err)
	return all, n
}

func TestAnArchiveReadsWhatASiteHasSentByteByByte(t *testing.T) {
	e := startEngine(t)
	site := join(t, "north", e.url(), nil).ready()
	began := time.Now()
	var want []string
	for _, topic := range []string{"orders/a", "orders/b"} {
		b := envelopes(t, topic, "me", 1, 50)
		for i := range b.Len() {
			want = append(want, string(b.Message(i)))
		}
		site.Send(b, false, nil, nil)
		b.Release()
	}
	site.flush()
	a := openArchive(t, e.url())
	got, n := a.stored(t, Reading{})
	require.Zero(t, n)
	require.Len(t, got, len(want))
	for i, m := range got {
		require.Equal(t, want[i], string(m.Message))
		require.WithinDuration(t, began, m.At, time.Minute)
	}
	got, _ = a.stored(t, Reading{Topics: []string{"orders/b"}})
	require.Len(t, got, 49)
	got, _ = a.stored(t, Reading{Since: time.Now()})
	require.Empty(t, got, "nothing was stored since")
	enough := errors.New("enough")
	_, err := a.Read(t.Context(), Reading{Follow: true}, func(Stored) error { return enough })
	require.ErrorIs(t, err, enough)
	_, err = a.Read(t.Context(), Reading{Topics: []string{"other/"}}, nil)
	require.ErrorContains(t, err, "no stream")
}

func TestAnArchiveCountsWhatIsMissingFromAStream(t *testing.T) {
	e := startEngine(t)
	site := join(t, "north", e.url(), nil).ready()
	site.send("orders/a", "me", 1, 11)
	site.flush()
	a := openArchive(t, e.url())
	st, err := a.l.js.Stream(t.Context(), site.streams[0].name)
	require.NoError(t, err)
	for _, seq := range []uint64{4, 5, 10} {
		require.NoError(t, st.DeleteMsg(t.Context(), seq))
	}
	got, n := a.stored(t, Reading{})
	require.Len(t, got, 7)
	require.EqualValues(t, 3, n.Missing)
}

func TestWhatAnArchiveAddsArrivesAtSitesOnceAndInOrder(t *testing.T) {
	e := startEngine(t)
	site := join(t, "north", e.url(), nil).ready()
	a := openArchive(t, e.url())
	b := envelopes(t, "orders/a", "me", 1, 101)
	defer b.Release()
	other := envelopes(t, "other/a", "me", 1, 2)
	defer other.Release()
	play := func() WriteCounts {
		w, err := a.Writer(t.Context(), "player")
		require.NoError(t, err)
		for i := range b.Len() {
			require.NoError(t, w.Put(append([]byte(nil), b.Message(i)...), uint64(i)))
		}
		require.NoError(t, w.Put(append([]byte(nil), other.Message(0)...), 0))
		n, err := w.Flush()
		require.NoError(t, err)
		return n
	}
	require.Equal(t, WriteCounts{Stored: 100, Unstored: 1}, play())
	require.Equal(t, WriteCounts{Duplicates: 100, Unstored: 1}, play())
	names := make([]string, 0, 100)
	for i := range 100 {
		names = append(names, fmt.Sprintf("orders/a/me/%d", i+1))
	}
	site.gets(names)
	got, n := a.stored(t, Reading{})
	require.Zero(t, n)
	require.Len(t, got, 100)
	for i, m := range got {
		require.Equal(t, string(b.Message(i)), string(m.Message))
	}
}

// TestMessagesWithoutNumbersHaveIDsThatStay, and others have others.
func TestMessagesWithoutNumbersHaveIDsThatStay(t *testing.T) {
	b := batch.Get()
	defer b.Release()
	b.AppendMessage(batch.AppendHeader(nil, 0, false))
	id := func(salt uint64) string { return string(appendID(nil, recordOf(b.Message(0), salt))) }
	require.Equal(t, id(1), id(1))
	require.NotEqual(t, id(1), id(2))
	require.Equal(t, 'b', rune(id(1)[0]))
}
