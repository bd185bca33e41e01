package mcap

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, compression := range []string{None, Zstd} {
		file, messages := example(t, 4, 25, compression)
		f := read(t, file)
		require.NoError(t, f.Broken)
		require.Equal(t, Header{"hermes", "test"}, f.Header)
		require.Equal(t, messages, all(t, Query{}, f))
		require.Empty(t, problems(t, file))
		s := f.Statistics
		require.Equal(t, Statistics{Messages: 100, Schemas: 1, Channels: 3, Attachments: 1, Metadata: 1, Chunks: 4, Start: 1000, End: 1990,
			ChannelCounts: map[uint16]uint64{0: 34, 1: 33, 2: 33}}, s)
		require.Len(t, f.Metadata, 1)
		m, err := f.MetadataAt(f.Metadata[0])
		require.NoError(t, err)
		require.Equal(t, Metadata{"books", map[string]string{"lost": "0", "arrived": "12"}}, m)
		require.Equal(t, &Channel{ID: 1, SchemaID: 1, Topic: "ticks/1", Encoding: "json", Metadata: map[string]string{"origin": "me", "run": "7"}}, f.Channels[1])
	}
}

func TestAnEmptyFileIsAFile(t *testing.T) {
	file, _ := example(t, 0, 0, Zstd)
	require.Empty(t, problems(t, file))
	require.Empty(t, all(t, Query{}, read(t, file)))
}

func TestAnUnknownCompressionIsRefused(t *testing.T) {
	var b Builder
	b.Add(&Message{})
	_, err := b.Finish("lzma")
	require.ErrorIs(t, err, ErrCompression)
}

// full is a disk with so much room.
type full struct {
	room int
	file []byte
}

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n := f.room
		f.room = 0
		f.file = append(f.file, p[:n]...)
		return n, errFull
	}
	f.room -= len(p)
	f.file = append(f.file, p...)
	return len(p), nil
}

func TestAFullDiskLeavesWholeChunksBehind(t *testing.T) {
	catalog := NewCatalog()
	catalog.AddChannel(&Channel{ID: 1, Topic: "a", Encoding: "json"})
	disk := &full{room: 1000}
	w, err := NewWriter(disk, Header{}, catalog)
	require.NoError(t, err)
	for {
		var b Builder
		b.Add(&Message{Channel: 1, Data: make([]byte, 100)})
		c, err := b.Finish(None)
		require.NoError(t, err)
		kept := w.Kept()
		if err = w.Chunk(c); err != nil {
			require.ErrorIs(t, err, errFull)
			require.Equal(t, kept, w.Kept())
			require.ErrorIs(t, w.Metadata(Metadata{}), errFull)
			disk.file, disk.room = disk.file[:kept], 10_000
			w.Rewind()
			require.NoError(t, w.Close())
			require.Empty(t, problems(t, disk.file))
			return
		}
		require.Greater(t, w.Kept(), kept)
		require.Equal(t, w.Size(), w.Kept())
	}
}
