package recording

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

func TestARecoveredFileIsWholeAndSaysWhatItIs(t *testing.T) {
	sent := append(oddMessages(), numberedMessage("ticks/a", 7, 9, "1"))
	name := recorded(t, sent...)
	file, err := os.ReadFile(name)
	require.NoError(t, err)
	broken := filepath.Join(t.TempDir(), "b.mcap"+Part)
	last := open(t, name)[0].Chunks[0]
	require.NoError(t, os.WriteFile(broken, file[:last.Offset+last.Length+9], 0o600))
	read := int64(0)
	output, got, err := Recover(broken, "", func(bytes int64) { read += bytes })
	require.NoError(t, err)
	require.Equal(t, broken[:len(broken)-len(Part)], output)
	require.EqualValues(t, len(sent)+1, got.Messages, "a loss record is one too")
	require.Equal(t, sent, messagesOf(t, open(t, output), Filter{}))
	require.EqualValues(t, last.Offset+last.Length+9, read)
	read = 0
	all, err := Verify([]string{output}, func(bytes int64) { read += bytes })
	require.NoError(t, err)
	require.Empty(t, all[0].Problems)
	require.GreaterOrEqual(t, read, 2*open(t, output)[0].Size)
	require.False(t, all[0].Complete)

	unfinished := filepath.Join(t.TempDir(), "c.mcap"+Part)
	require.NoError(t, os.WriteFile(unfinished, file[:len(file)-10], 0o600))
	whole, _, err := Recover(unfinished, "", nil)
	require.NoError(t, err)
	require.True(t, verified(t, whole)[0].Complete, "only the summary was missing")

	_, _, err = Recover(broken, output, nil)
	require.ErrorContains(t, err, "exists")
	_, _, err = Recover(output, "", nil)
	require.ErrorContains(t, err, "say where")
	_, _, err = Recover(filepath.Join(t.TempDir(), "none"+Part), "", nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Len(t, namesIn(t, filepath.Dir(output)), 2, "nothing else is left")
}

func TestAPartOfSeveralFilesIsAFile(t *testing.T) {
	a, b := recorded(t, oddMessages()...), recorded(t, numberedMessage("ticks/a", 7, 0, "5"), numberedMessage("ticks/a", 7, 3, "6"))
	files := open(t, a, b)
	filter := Filter{Topics: []string{"ticks/a"}}
	output := filepath.Join(t.TempDir(), "part.mcap")
	var seen []uint64
	n, err := Cut(files, filter, output, 100, func(logTime uint64) { seen = append(seen, logTime) })
	require.NoError(t, err)
	want := messagesOf(t, files, filter)
	require.EqualValues(t, len(want), n)
	require.True(t, slices.IsSorted(seen), "a bar goes on")
	require.GreaterOrEqual(t, len(seen), len(want))
	part := open(t, output)
	require.Equal(t, want, messagesOf(t, part, Filter{}))
	require.EqualValues(t, 2, Summarize(part[0]).Lost)
	in, err := os.Open(output)
	require.NoError(t, err)
	defer in.Close()
	problems, err := mcap.Check(in, part[0].Size, output)
	require.NoError(t, err)
	require.Empty(t, problems)
	_, err = Cut(files, filter, output, 100, nil)
	require.ErrorContains(t, err, "exists")
}
