package recording

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

// forged writes a file in which books and loss records say what they are told.
func forged(t *testing.T, b Books, loss uint32, numbers ...uint32) string {
	t.Helper()
	p := packer{channels: newChannels()}
	builder := new(mcap.Builder)
	catalog := mcap.NewCatalog()
	name := filepath.Join(t.TempDir(), "a.mcap")
	out, err := newOutFile(name, catalog, 0, 0)
	require.NoError(t, err)
	for i, n := range numbers {
		msg := numberedMessage("t", 7, n, "1")
		var f Frames
		require.True(t, f.split(msg))
		if i == len(numbers)-1 && loss > 0 {
			m := p.loss(&f, wireSequence(7, n), loss, 1)
			builder.Add(&m)
		}
		m := p.envelope(&f, msg, msg[:len(f.Topic)+len(f.Origin)+4], uint64(i))
		builder.Add(&m)
	}
	n := p.channels.takeNews()
	n.addTo(catalog)
	c, err := builder.Finish(mcap.Zstd)
	require.NoError(t, err)
	require.NoError(t, out.chunk(c, counts{b.Envelopes, b.Lost}))
	require.NoError(t, out.close(&b))
	return name
}

func TestWhatDoesNotAgreeIsFound(t *testing.T) {
	right := Books{Recording: "x", File: 1, Final: true, Envelopes: 3, Lost: 2, Written: 3,
		Receiver: []byte(`{"delivered":3,"lost":2,"duplicates":0}`)}
	verified(t, forged(t, right, 2, 0, 1, 4))
	for says, forge := range map[string]func() string{
		"no loss record says so":                                 func() string { b := right; b.Lost = 0; return forged(t, b, 0, 0, 1, 4) },
		"a loss record says that 5":                              func() string { return forged(t, right, 5, 0, 1, 4) },
		"the books say that it has 4 envelopes":                  func() string { b := right; b.Envelopes = 4; return forged(t, b, 2, 0, 1, 4) },
		"the books say that 1 envelopes are lost":                func() string { b := right; b.Lost = 1; return forged(t, b, 2, 0, 1, 4) },
		"the books say that 9 envelopes were written":            func() string { b := right; b.Written = 9; return forged(t, b, 2, 0, 1, 4) },
		"the receiver has delivered 3 envelopes":                 func() string { b := right; b.Unwritten = 1; return forged(t, b, 2, 0, 1, 4) },
		"the receiver has counted 2 lost envelopes":              func() string { b := right; b.Lost = 3; return forged(t, b, 3, 0, 1, 5) },
		"the receiver has counted 0 duplicates, and there are 1": func() string { b := right; b.Lost = 0; return forged(t, b, 0, 0, 1, 1) },
	} {
		all, err := Verify([]string{forge()}, nil)
		require.NoError(t, err)
		require.False(t, all[0].OK)
		require.Contains(t, joined(all[0].Problems), says)
	}
}

func TestAnUnfinishedFileIsSaidToBeIncomplete(t *testing.T) {
	name := recorded(t, oddMessages()...)
	file, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, file[:len(file)-10], 0o600))
	all, err := Verify([]string{name}, nil)
	require.NoError(t, err)
	require.False(t, all[0].Complete)
	require.False(t, all[0].OK)
	require.EqualValues(t, len(oddMessages()), all[0].Envelopes)
	_, err = Verify([]string{filepath.Join(t.TempDir(), "none")}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}
