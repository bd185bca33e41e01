package recording

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// oddMessages are envelopes of every form.
func oddMessages() [][]byte {
	return [][]byte{
		numberedMessage("ticks/a", 7, 0, `{"price": 1.5, "size": [1, 2]}`),
		numberedMessage("ticks/a", 7, 1, `{"price":2}`),
		numberedMessage("ticks/b", 7, 0, `NaN`),
		numberedMessage("ticks/a", 9, 5, `[1,  2]`), // another run
		message(`"ticks/a"`, `"old"`, `{"price": 3}`, `1517670000.5`),
		message(`"ticks/a"`, `"old"`, "1 ", ` 1517670000.5 `),
		message(`"ticks/a"`, `"old"`, "1", `1517670000.123456`), // as hermes writes it, without a number
		message(`"ticks/a"`, `"me"`, `1`, "1517670000.5\r\r\r\r                     \t  "),
		message(`"ticks/a"`, `null`, `1`, `null`),
		message(`["a", "b"]`, `5`, `"x"`, `"1517670000.5"`),
		message(`"\u0061"`, `"\u00e4"`, `""`, `0`), // "a", written otherwise than hermes does
		message(`"ä"`, `""`, `0`, `true`),
		message(`"\ud800"`, `"x"`, `0`, `1e400`),
		tracedMessage("traced"),
	}
}

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// tracedMessage is an envelope with a trace context, and a number.
func tracedMessage(topic string) []byte {
	time, err := wire.TimeWithContext(traceParent, nil)
	if err != nil {
		panic(err)
	}
	b := &batch.Batch{}
	wire.AppendEntry(b, wire.Entry{Topic: []byte(`"` + topic + `"`), Origin: []byte(`"me"`), Data: []byte("1"), Time: time}, true)
	wire.Stamp(b, 1517670000_000000, true)
	wire.Number(b, 0, wire.Sequence{Incarnation: 7})
	return b.Message(0)
}

func TestWhatIsRecordedIsReadAsItCame(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.Zstd})
	sent := oddMessages()
	r.arrive(sent[:5]...)
	r.arrive(sent[5:]...)
	require.FileExists(t, name+Part)
	p := r.end(t)
	require.EqualValues(t, len(sent), p.Envelopes)
	require.NoFileExists(t, name+Part)
	files := open(t, name)
	require.Equal(t, sent, messagesOf(t, files, Filter{}))
	v := verified(t, name)[0]
	require.EqualValues(t, len(sent), v.Envelopes)
	require.True(t, v.Complete)
	require.Equal(t, []string{"wrote " + name}, r.noticed())
	var first Envelope
	for e := range Envelopes(files, Filter{}) {
		first = e
		break
	}
	require.Equal(t, "ticks/a", first.Topic)
	require.Equal(t, "me", first.Origin)
	require.EqualValues(t, 1_799_999_999_000_000_000, first.PublishTime)
	require.EqualValues(t, time.Unix(1_800_000_000, 1e6).UnixNano(), first.LogTime)
}

func TestOtherProgramsFindChannelsOfJSONWithASchema(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.Zstd})
	r.arrive(oddMessages()...)
	r.end(t)
	f := open(t, name)[0]
	c := f.Channels[1]
	require.Equal(t, "ticks/a", c.Topic)
	require.Equal(t, "json", c.Encoding)
	require.Equal(t, map[string]string{"hermes": "envelope", "origin": "me", "run": "7", "time": "stamp"}, c.Metadata)
	require.JSONEq(t, `{"type":"object","properties":{"price":{"type":"number"},"size":{"type":"array","items":{"type":"number"}}}}`, string(f.Schemas[c.SchemaID].Data))
}

func TestLossesAreRecordedAndAgreeWithTheReceiver(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.None})
	for _, n := range []uint32{5, 6, 9, 9, 8, 10, 20} {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	p := r.end(t)
	require.EqualValues(t, 11, p.Lost)
	v := verified(t, name)[0]
	require.EqualValues(t, []uint64{7, 11, 11, 2}, []uint64{v.Envelopes, v.Lost, v.Recorded, v.Duplicates})
	var lost []uint32
	for e, err := range Envelopes(open(t, name), Filter{}) {
		require.NoError(t, err)
		lost = append(lost, e.Lost)
	}
	require.Equal(t, []uint32{0, 0, 2, 0, 0, 0, 9}, lost)
}

func TestAChunkIsWrittenWithinTheTimeOfFlush(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.Zstd, Flush: time.Millisecond})
	r.arrive(numberedMessage("t", 3, 0, "1"))
	testkit.Repeat(t, "the envelope is in the file", func() bool {
		f, end, err := mcap.Open(name + Part)
		require.NoError(t, err)
		defer end()
		require.Error(t, f.Broken)
		return f.Statistics.Messages == 1
	})
	r.end(t)
}

func TestFilesRotateByCount(t *testing.T) {
	dir := t.TempDir()
	r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.Zstd, Rotate: Rotation{Envelopes: 3}})
	for n := range uint32(8) {
		r.arrive(numberedMessage("t", 3, 2*n, "1"))
	}
	p := r.end(t)
	require.Equal(t, 3, p.Files)
	names := namesIn(t, dir)
	require.Equal(t, []string{dir + "/a-000001.mcap", dir + "/a-000002.mcap", dir + "/a-000003.mcap"}, names)
	all := verified(t, names...)
	require.EqualValues(t, []uint64{3, 3, 2}, []uint64{all[0].Envelopes, all[1].Envelopes, all[2].Envelopes})
	require.EqualValues(t, []uint64{2, 3, 2}, []uint64{all[0].Lost, all[1].Lost, all[2].Lost})
	verified(t, names[1]) // alone, too
	require.Len(t, messagesOf(t, open(t, names...), Filter{}), 8)

	again := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.Zstd, Rotate: Rotation{Envelopes: 3}})
	again.arrive(numberedMessage("t", 3, 0, "1"))
	again.end(t)
	require.FileExists(t, dir+"/a-000004.mcap")
}

func TestFilesRotateBySizeAndTime(t *testing.T) {
	for name, rotation := range map[string]Rotation{"size": {Bytes: 2000}, "time": {Every: time.Millisecond}} {
		dir := t.TempDir()
		r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.None, ChunkBytes: 500, Flush: time.Millisecond, Rotate: rotation})
		n := uint32(0)
		testkit.Repeat(t, "there are three files, by "+name, func() bool {
			r.arrive(numberedMessage("t", 3, n, "1"))
			n++
			return r.Progress().Files >= 3
		})
		require.EqualValues(t, n, r.end(t).Envelopes)
		names := namesIn(t, dir)
		verified(t, names...)
		require.Len(t, messagesOf(t, open(t, names...), Filter{}), int(n))
	}
}

func TestAQuotaDeletesTheOldestFiles(t *testing.T) {
	dir := t.TempDir()
	const quota = 40_000
	r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.None, Rotate: Rotation{Envelopes: 20, Quota: quota}})
	for n := range uint32(400) {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	p := r.end(t)
	require.NotZero(t, p.Deleted)
	require.EqualValues(t, 400, p.Envelopes)
	size := int64(0)
	names := namesIn(t, dir)
	for _, name := range names {
		info, err := os.Stat(name)
		require.NoError(t, err)
		size += info.Size()
	}
	require.LessOrEqual(t, size, int64(quota))
	require.Greater(t, size, int64(quota/2))
	require.Equal(t, 20, len(names)+int(p.Deleted))
	all, err := Verify(names, nil)
	require.NoError(t, err)
	require.EqualValues(t, p.Deleted, all[len(all)-1].books.Deleted)
	require.True(t, all[0].OK, all[0].Problems)
}

func TestAFloorOfFreeDiskEndsARecordingThatCannotDelete(t *testing.T) {
	_, err := tryRecord(Config{Name: filepath.Join(t.TempDir(), "a.mcap"), MinFree: 1 << 60})
	require.ErrorContains(t, err, "are to stay so")
}

// disk is one of a size, on which there is nothing but the files of its folder.
func disk(size int64) func(dir string) (int64, error) {
	return func(dir string) (int64, error) {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			if info, failed := e.Info(); failed == nil {
				size -= info.Size()
				defer func() { size += info.Size() }()
			}
		}
		return size, err
	}
}

func TestAFloorOfFreeDiskDeletesTheOldestFiles(t *testing.T) {
	dir := t.TempDir()
	const floor, room = 1 << 20, 30_000
	r := record(t, Config{Name: filepath.Join(dir, "a.mcap"), Compression: mcap.None, MinFree: floor, Rotate: Rotation{Envelopes: 20}, free: disk(floor + room)})
	for n := range uint32(400) {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	p := r.end(t)
	require.EqualValues(t, 400, p.Envelopes)
	require.NotZero(t, p.Deleted)
	names := namesIn(t, dir)
	require.Equal(t, 20, len(names)+int(p.Deleted))
	free, err := disk(floor + room)(dir)
	require.NoError(t, err)
	require.Greater(t, free, int64(floor-4_000), "but for the summary of the last file")
	all, err := Verify(names, nil)
	require.NoError(t, err)
	require.True(t, all[0].OK, all[0].Problems)
}

func TestAFloorOfFreeDiskEndsARecordingThatRuns(t *testing.T) {
	const floor, room = 1 << 20, 30_000
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.None, ChunkBytes: 1000, MinFree: floor, free: disk(floor + room)})
	for n := range uint32(1000) {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	<-r.Failed()
	r.control.End()
	p, err := r.Close()
	require.ErrorContains(t, err, "are to stay so")
	require.NotZero(t, p.Envelopes)
	require.EqualValues(t, 1000, p.Envelopes+p.Unwritten)
	f := open(t, name)[0]
	require.NoError(t, f.Broken, "what is there is closed")
	require.EqualValues(t, p.Envelopes, Summarize(f).Envelopes)
	require.Less(t, f.Size, int64(room+4_000))
}

func TestOthersMayReadAFileOnlyWhereThatIsSaid(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0: 0o600, 0o640: 0o640} {
		name := filepath.Join(t.TempDir(), "a.mcap")
		r := record(t, Config{Name: name, Compression: mcap.None, Mode: mode})
		r.arrive(oddMessages()...)
		part, err := os.ReadFile(name + Part)
		require.NoError(t, err)
		r.end(t)
		unfinished := filepath.Join(t.TempDir(), "b.mcap"+Part)
		require.NoError(t, os.WriteFile(unfinished, part, want))
		recovered, _, err := Recover(unfinished, "", nil)
		require.NoError(t, err)
		for _, file := range []string{name, recovered} {
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, want, info.Mode().Perm(), file)
		}
	}
}

func TestARecordingEndsAtItsNumber(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.Zstd, Most: 3})
	for n := range uint32(5) {
		r.arrive(numberedMessage("t", 3, n, "1"))
	}
	testkit.Receive(t, r.Full(), "the number is reached")
	p := r.end(t)
	require.EqualValues(t, []uint64{3, 2, 0}, []uint64{p.Envelopes, p.AfterEnd, p.Unwritten})
	verified(t, name)
}

func TestAnExistingFileIsNotOverwritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	for _, there := range []string{name, name + Part} {
		require.NoError(t, os.WriteFile(there, []byte("mine"), 0o600))
		_, err := tryRecord(Config{Name: name})
		require.ErrorContains(t, err, there+" exists")
		require.NoError(t, os.Remove(there))
	}
}

func TestWhatContradictsIsRefused(t *testing.T) {
	_, err := tryRecord(Config{Name: "a.mcap", Rotate: Rotation{Envelopes: 1}, Ring: Ring{Last: time.Second}})
	require.ErrorContains(t, err, "ring")
	_, err = tryRecord(Config{Name: "a.mcap", Compression: "lz4"})
	require.ErrorIs(t, err, mcap.ErrCompression)
}

// More streams than a file has channels share one.
func TestStreamsBeyondTheNumbersOfChannelsAreRecordedAsWell(t *testing.T) {
	p := packer{channels: newChannels()}
	p.channels.next = mostChannels - 1
	b := new(mcap.Builder)
	catalog := mcap.NewCatalog()
	name := filepath.Join(t.TempDir(), "a.mcap")
	out, err := newOutFile(name, catalog, 0, 0)
	require.NoError(t, err)
	var sent [][]byte
	for i := range 5 {
		msg := numberedMessage(fmt.Sprintf("t/%d", i), 1, 0, "1")
		var f Frames
		require.True(t, f.split(msg))
		m := p.envelope(&f, msg, msg[:len(f.Topic)+len(f.Origin)+4], uint64(i))
		b.Add(&m)
		sent = append(sent, msg)
	}
	n := p.channels.takeNews()
	n.addTo(catalog)
	c, err := b.Finish(mcap.Zstd)
	require.NoError(t, err)
	require.NoError(t, out.chunk(c, counts{envelopes: 5}))
	require.NoError(t, out.close(&Books{Recording: "x", File: 1}))
	files := open(t, name)
	require.Len(t, files[0].Channels, 2)
	require.Equal(t, sent, messagesOf(t, files, Filter{}))
	require.Equal(t, sent[3:4], messagesOf(t, files, Filter{Topics: []string{"t/3"}}))
	verified(t, name)
}

// TestLongTopicsAndSchemasAreBounded: what is declared stays in memory.
func TestLongTopicsAndSchemasAreBounded(t *testing.T) {
	p := packer{channels: newChannels()}
	long := strings.Repeat("x", mostText/4)
	for i := range 10 {
		msg := numberedMessage(fmt.Sprintf("%s/%d", long, i), 1, 0, "1")
		var f Frames
		require.True(t, f.split(msg))
		m := p.envelope(&f, msg, msg[:len(f.Topic)+len(f.Origin)+4], uint64(i))
		require.Equal(t, i < 3, m.Channel != p.channels.rest().id, "stream %d", i)
		require.LessOrEqual(t, p.channels.names, mostText)
	}
	for i := range 10 {
		id := p.channels.schema("x", fmt.Appendf(nil, "%s%d", long, i))
		require.Equal(t, i < 3, id != 0, "schema %d", i)
	}
}
