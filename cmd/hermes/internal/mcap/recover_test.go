package mcap

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that ends anywhere gives what was whole, and says that it is broken.
func TestAFileThatEndsAnywhereGivesItsWholeChunks(t *testing.T) {
	const each = 3
	file, messages := example(t, 2, each, None)
	whole := read(t, file)
	for n := range len(file) {
		broken := file[:n]
		want := 0 // messages
		for _, x := range whole.Chunks {
			if x.Offset+x.Length <= uint64(n) {
				want += each
			}
		}
		var out bytes.Buffer
		got, err := Recover(bytes.NewReader(broken), &out, nil, nil)
		f, openErr := Read(bytes.NewReader(broken), int64(n), "broken.mcap")
		if err != nil {
			require.Error(t, openErr, n)
			require.Zero(t, want, n)
			continue
		}
		require.NoError(t, openErr)
		require.EqualValues(t, want, got.Messages, n)
		require.Zero(t, got.Bad)
		require.Empty(t, problems(t, out.Bytes()), n)
		require.Equal(t, messages[:want], append([]Message{}, all(t, Query{}, read(t, out.Bytes()))...), n)
		require.Equal(t, messages[:want], append([]Message{}, all(t, Query{}, f)...), n)
		require.NotEmpty(t, problems(t, broken), n)
		if want < len(messages) {
			require.Error(t, f.Broken, n)
			require.Error(t, got.Why, n)
		}
	}
}

func TestADamagedChunkIsLeftOut(t *testing.T) {
	file, messages := example(t, 4, 5, None)
	x := read(t, file).Chunks[1]
	file[x.Offset+x.Length-1] ^= 1
	require.NotEmpty(t, problems(t, file))
	var out bytes.Buffer
	got, err := Recover(bytes.NewReader(file), &out, nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Bad)
	require.ErrorIs(t, got.Why, ErrCRC)
	require.Equal(t, append(append([]Message{}, messages[:5]...), messages[10:]...), all(t, Query{}, read(t, out.Bytes())))
	require.Empty(t, problems(t, out.Bytes()))
}

// Other programs write messages outside of chunks.
func TestLooseMessagesAreReadAndRecovered(t *testing.T) {
	file := append([]byte(Magic), Header{}.append(nil)...)
	file = (&Channel{ID: 1, Topic: "a", Encoding: "json", Metadata: map[string]string{}}).append(file)
	var messages []Message
	for i := range 10 {
		m := Message{Channel: 1, Sequence: uint32(i), LogTime: uint64(100 - i), Data: []byte("1")}
		messages = append([]Message{m}, messages...)
		file = m.append(file)
	}
	f := read(t, file)
	require.Error(t, f.Broken)
	require.Equal(t, messages, all(t, Query{}, f))
	var out bytes.Buffer
	got, err := Recover(bytes.NewReader(file), &out, nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, 10, got.Messages)
	require.Empty(t, problems(t, out.Bytes()))
	require.Equal(t, messages, all(t, Query{}, read(t, out.Bytes())))
}
