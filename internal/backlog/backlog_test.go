package backlog

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("HERMES_TEST_BACKLOG"); dir != "" {
		appendUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// open opens a queue and closes it at the end of the test.
func open(t testing.TB, o Options) *Queue {
	t.Helper()
	q, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// put appends messages, all of which must be taken.
func put(t testing.TB, q *Queue, messages ...string) {
	t.Helper()
	taken, err := q.Append(joined(messages...))
	require.NoError(t, err)
	require.Equal(t, len(messages), taken)
}

func joined(messages ...string) (buf []byte, ends []int) {
	for _, m := range messages {
		buf = append(append(buf, make([]byte, Room)...), m...)
		ends = append(ends, len(buf))
	}
	return buf, ends
}

// rest gives what a new reader reads.
func rest(t testing.TB, q *Queue) (messages []string) {
	t.Helper()
	return readAll(t, q.NewReader())
}

func readAll(t testing.TB, r *Reader) (messages []string) {
	t.Helper()
	for {
		rec, ok, err := r.Next()
		require.NoError(t, err)
		if !ok {
			return messages
		}
		require.Equal(t, rec.Index+1, r.Due())
		messages = append(messages, string(rec.Body))
	}
}

// numbered are messages of different lengths.
func numbered(from, to int) (messages []string) {
	for i := from; i < to; i++ {
		messages = append(messages, fmt.Sprintf("message %d %s", i, strings.Repeat("x", i%37)))
	}
	return messages
}

// photograph copies the files of a directory, as a crash would leave them.
// newestFile is the segment with the highest index.
func TestMessagesAreReadInTheOrderInWhichTheyCame(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir(), SegmentBytes: smallest})
	r := q.NewReader()
	want := append(numbered(0, 500), "", strings.Repeat("long", 100_000))
	for part := range slices.Chunk(want, 7) {
		put(t, q, part...)
		require.Equal(t, part, readAll(t, r))
	}
	require.Equal(t, want, rest(t, q))
	require.Greater(t, len(q.segments), 5)
	require.Equal(t, uint64(len(want)), q.Stats().Waiting)
}

func TestWhatIsNotAcknowledgedIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, SegmentBytes: smallest}
	want := numbered(0, 300)
	q := open(t, o)
	put(t, q, want...)
	r := q.NewReader()
	for range 250 {
		_, ok, err := r.Next()
		require.NoError(t, err)
		require.True(t, ok)
	}
	q.Ack(200)
	r.Rewind()
	require.Equal(t, want[200:], readAll(t, r))
	before := len(q.segments)
	run := q.Run()
	require.NoError(t, q.Close())

	q = open(t, o)
	require.NotEqual(t, run, q.Run())
	require.LessOrEqual(t, len(q.segments), before+1)
	require.Equal(t, want[200:], rest(t, q))
	put(t, q, "later")
	r = q.NewReader()
	require.Equal(t, append(slices.Clone(want[200:]), "later"), readAll(t, r))
	require.Equal(t, uint64(301), r.Due(), "indexes go on")
	q.Ack(301)
	require.Empty(t, rest(t, q))
	require.Zero(t, q.Stats().Waiting)
	require.Zero(t, q.Stats().WaitingBytes)
	require.NoError(t, q.Close())

	firsts, err := listSegments(dir)
	require.NoError(t, err)
	require.Empty(t, firsts, "everything is acknowledged")
	q = open(t, o)
	put(t, q, "last")
	r = q.NewReader()
	rec, ok, err := r.Next()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, uint64(301), rec.Index)
	require.Equal(t, q.Run(), rec.Run)
}

func TestAcknowledgedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir, SegmentBytes: smallest})
	for i := range 100 {
		put(t, q, numbered(0, 100)...)
		require.Len(t, rest(t, q), 100)
		q.Ack(uint64(i+1) * 100)
	}
	firsts, err := listSegments(dir)
	require.NoError(t, err)
	require.LessOrEqual(t, len(firsts), 3)
}

func TestADamagedPositionGivesMessagesAgain(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	put(t, q, numbered(0, 10)...)
	q.Ack(5)
	require.NoError(t, q.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, positionName), []byte("nothing of value"), 0o600))
	got := open(t, Options{Dir: dir})
	require.Equal(t, numbered(0, 10), rest(t, got))
}

func TestTheOlderPositionHoldsWhereTheNewerIsDamaged(t *testing.T) {
	dir := t.TempDir()
	var p position
	_, err := p.open(dir)
	require.NoError(t, err)
	for i := range uint64(5) {
		require.NoError(t, p.write(100+i))
	}
	p.close()
	content, err := os.ReadFile(filepath.Join(dir, positionName))
	require.NoError(t, err)
	for at := range content {
		damaged := slices.Clone(content)
		damaged[at] ^= 0x10
		require.NoError(t, os.WriteFile(filepath.Join(dir, positionName), damaged, 0o600))
		var p position
		index, err := p.open(dir)
		require.NoError(t, err)
		if at < slotSize { // counts 0, 2 and 4 are in the first slot
			require.Equal(t, uint64(103), index)
		} else {
			require.Equal(t, uint64(104), index)
		}
		p.close()
	}
}

func TestWhatHasNoRoomIsDroppedAndCounted(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir(), MaxBytes: smallestBytes})
	buf, ends := joined(numbered(0, 5000)...)
	taken, err := q.Append(buf, ends)
	require.NoError(t, err)
	require.Less(t, taken, 5000)
	require.Greater(t, taken, 500)
	s := q.Stats()
	require.Equal(t, uint64(5000), s.Appended+s.DroppedFull)
	require.LessOrEqual(t, s.WaitingBytes, int64(smallestBytes))
	onDisk := int64(0)
	for _, s := range q.segments {
		info, err := s.file.Stat()
		require.NoError(t, err)
		onDisk += info.Size()
	}
	require.Equal(t, s.WaitingBytes, onDisk)
	kept := rest(t, q)
	require.Len(t, kept, taken)
	require.Equal(t, numbered(0, 500), kept[:500], "older ones stay")

	q.Ack(uint64(taken))
	put(t, q, "there is room again")
	require.Equal(t, []string{"there is room again"}, rest(t, q))
}

func TestAnAcknowledgedQueueHasRoomForAll(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir(), MaxBytes: smallestBytes, SegmentBytes: smallestBytes})
	big := strings.Repeat("z", 40<<10)
	for i := range uint64(10) {
		put(t, q, big)
		q.Ack(i + 1)
	}
	require.Zero(t, q.Stats().DroppedFull)
}

func TestAFullDiskCostsOnlyWhatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir, SegmentBytes: smallest})
	r := q.NewReader()
	var want []string
	room := int64(0)
	q.writeAt = func(f *os.File, p []byte, at int64) (int, error) {
		if n := min(room, int64(len(p))); n < int64(len(p)) {
			_, _ = f.WriteAt(p[:n], at)
			room = 0
			return int(n), syscall.ENOSPC
		}
		room -= int64(len(p))
		return f.WriteAt(p, at)
	}
	random := rand.New(rand.NewPCG(1, 2))
	total := uint64(0)
	for i := range 500 {
		room = random.Int64N(2000)
		part := numbered(i*10, i*10+10)
		taken, err := q.Append(joined(part...))
		total += 10
		got := readAll(t, r)
		require.Len(t, got, taken)
		require.Subset(t, part, got)
		if taken < 10 {
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorIs(t, q.Err(), syscall.ENOSPC)
		}
		want = append(want, got...)
		s := q.Stats()
		require.Equal(t, total, s.Appended+s.DroppedError)
		require.Zero(t, s.Damaged)
	}
	require.NotZero(t, q.Stats().DroppedError)
	require.Equal(t, want, rest(t, q))
	crashed := open(t, Options{Dir: photograph(t, dir)})
	require.Equal(t, want, rest(t, crashed))
	require.Zero(t, crashed.Stats().Damaged)
	require.Zero(t, crashed.Stats().Torn)
}

// TestAFileThatFillsTheDiskMakesRoomWhenItIsAcknowledged, also where it is the only one, and another one could not
// be begun beside it.
func TestAFileThatFillsTheDiskMakesRoomWhenItIsAcknowledged(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	q.writeAt = func(f *os.File, p []byte, at int64) (int, error) {
		used := int64(0)
		files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		require.NoError(t, err)
		for _, name := range files {
			info, err := os.Stat(name)
			require.NoError(t, err)
			used += info.Size()
		}
		n := max(min(2000-used, int64(len(p))), 0)
		if n < int64(len(p)) {
			_, _ = f.WriteAt(p[:n], at)
			return int(n), syscall.ENOSPC
		}
		return f.WriteAt(p, at)
	}
	r, long := q.NewReader(), strings.Repeat("x", 200)
	for round := range 3 {
		part := numbered(100*round, 100*round+100)
		taken, err := q.Append(joined(part...))
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Positive(t, taken)
		require.Equal(t, part[:taken], readAll(t, r))
		_, err = q.Append(joined(long))
		require.ErrorIs(t, err, syscall.ENOSPC)
		_, next := q.Indexes()
		q.Ack(next - 1)
		_, err = q.Append(joined(long))
		require.ErrorIs(t, err, syscall.ENOSPC, "a message of the file still waits")
		q.Ack(next)
		put(t, q, long)
		require.Equal(t, []string{long}, readAll(t, r))
		crashed := open(t, Options{Dir: photograph(t, dir)})
		require.Equal(t, []string{long}, rest(t, crashed))
		_, after := crashed.Indexes()
		require.Equal(t, next+1, after)
		q.Ack(next + 1)
	}
	require.Zero(t, q.Stats().Damaged)
}

func TestADirectoryHasOneQueue(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir)
	put(t, q, "still works")
	require.NoError(t, q.Close())
	q = open(t, Options{Dir: dir})
	require.Equal(t, []string{"still works"}, rest(t, q))
	require.NoError(t, q.Close())
	_, err = q.Append(joined("late"))
	require.ErrorIs(t, err, os.ErrClosed)
	require.NoError(t, q.Close(), "closing twice is closing once")
}

func TestWrongOptionsAreRefused(t *testing.T) {
	_, err := Open(Options{})
	require.ErrorContains(t, err, "no directory")
	_, err = Open(Options{Dir: t.TempDir(), MaxBytes: 5})
	require.ErrorContains(t, err, "too few")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(Options{Dir: file})
	require.ErrorContains(t, err, "directory")
}

func TestWaitingMessagesGoThroughFsync(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir(), SyncEvery: time.Millisecond})
	put(t, q, "one")
	testkit.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return !q.dirty && !q.segments[0].dirty
	}, "the file goes through fsync")
	q.Ack(1)
	testkit.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.saved == 1
	}, "the position is written")
}

func TestAFailedFsyncIsCounted(t *testing.T) {
	broken := func(*os.File) error { return syscall.EIO }
	q, err := Open(Options{Dir: t.TempDir(), SyncEvery: time.Millisecond, fsync: broken})
	require.NoError(t, err)
	put(t, q, "one")
	testkit.Eventually(t, func() bool { return q.Stats().SyncErrors > 0 }, "a failure is counted")
	require.ErrorIs(t, q.Err(), syscall.EIO)
	require.ErrorIs(t, q.Close(), syscall.EIO)
}

func TestAppendingReadingAndAcknowledgingGoOnTogether(t *testing.T) {
	const count = 20_000
	q := open(t, Options{Dir: t.TempDir(), SegmentBytes: smallest, SyncEvery: time.Millisecond})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; i < count; i += 20 {
			_, _ = q.Append(joined(numbered(i, i+20)...))
		}
	})
	r := q.NewReader()
	next, rewound := 0, 0
	testkit.Repeat(t, "all are read", func() bool {
		rec, ok, err := r.Next()
		require.NoError(t, err)
		if ok {
			require.Equal(t, numbered(next, next+1)[0], string(rec.Body))
			next++
			if next%64 == 0 {
				q.Ack(uint64(next))
			}
			if next%5000 == 0 && next > rewound {
				rewound = next
				r.Rewind()
				next = int(r.Due())
			}
		}
		return next == count
	})
	testkit.Wait(t, &group, "the writer")
	require.Equal(t, uint64(count), q.Stats().Appended)
	require.Zero(t, q.Stats().Damaged)
}

// appendUntilKilled is a process that appends, and says how many messages it has appended.
func BenchmarkAppendReadAck(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			q := open(b, Options{Dir: b.TempDir()})
			r := q.NewReader()
			var ends []int
			buf := make([]byte, 64*(Room+size))
			for i := range 64 {
				ends = append(ends, (i+1)*(Room+size))
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; i < b.N; i += 64 {
				if _, err := q.Append(buf, ends); err != nil {
					b.Fatal(err)
				}
				for {
					if _, ok, err := r.Next(); !ok {
						require.NoError(b, err)
						break
					}
				}
				q.Ack(r.Due())
			}
		})
	}
}

func TestMessagesThatWaitForRoomAreTakenInOrder(t *testing.T) {
	q, err := Open(Options{Dir: t.TempDir(), MaxBytes: smallestBytes, SegmentBytes: 8 << 10})
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	var buf []byte
	var ends []int
	add := func(size int) {
		buf = append(buf, make([]byte, Room+size)...)
		ends = append(ends, len(buf))
	}
	for range 10 {
		add(1000)
	}
	add(smallestBytes) // never
	for range 100 {
		add(1000)
	}
	n, err := q.AppendInOrder(buf, ends)
	require.NoError(t, err)
	require.Greater(t, n, 11)
	require.Less(t, n, 111)
	s := q.Stats()
	require.EqualValues(t, n-1, s.Appended)
	require.EqualValues(t, 1, s.DroppedFull, "the one that never fits, and none that waits")

	rest := func() ([]byte, []int) {
		var tail []int
		for _, e := range ends[n:] {
			tail = append(tail, e-ends[n-1])
		}
		return buf[ends[n-1]:], tail
	}
	again, err := q.AppendInOrder(rest())
	require.NoError(t, err)
	require.Zero(t, again, "there is still no room")
	for n < len(ends) {
		_, next := q.Indexes()
		q.Ack(next)
		again, err = q.AppendInOrder(rest())
		require.NoError(t, err)
		require.Positive(t, again)
		n += again
	}
	require.EqualValues(t, 110, q.Stats().Appended)

	q.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, os.ErrPermission }
	n, err = q.AppendInOrder(buf[:ends[0]], ends[:1])
	require.ErrorIs(t, err, os.ErrPermission)
	require.Zero(t, n)
	require.Zero(t, q.Stats().DroppedError)
}
