package backlog

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
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
func photograph(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// newestFile is the segment with the highest index.
func newestFile(t testing.TB, dir string) string {
	t.Helper()
	firsts, err := listSegments(dir)
	require.NoError(t, err)
	require.NotEmpty(t, firsts)
	return filepath.Join(dir, segmentName(firsts[len(firsts)-1]))
}

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

func TestAnIncompleteEndIsCutOffAtEveryLength(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	want := numbered(0, 5)
	var ends []int
	for _, m := range want {
		put(t, q, m)
		ends = append(ends, int(q.segments[0].size))
	}
	for length := range ends[4] + 1 {
		crashed := photograph(t, dir)
		require.NoError(t, os.Truncate(newestFile(t, crashed), int64(length)))
		whole := 0
		for whole < len(ends) && ends[whole] <= length {
			whole++
		}
		got := open(t, Options{Dir: crashed})
		require.ElementsMatch(t, want[:whole], rest(t, got), "cut to %d bytes", length)
		torn := uint64(1)
		if length == segmentHeader || slices.Contains(ends, length) {
			torn = 0
		}
		require.Equal(t, torn, got.Stats().Torn, "cut to %d bytes", length)
		put(t, got, "behind it")
		require.Equal(t, append(slices.Clone(want[:whole]), "behind it"), rest(t, got), "cut to %d bytes", length)
		require.NoError(t, got.Close())
		again := open(t, Options{Dir: crashed})
		require.Equal(t, append(slices.Clone(want[:whole]), "behind it"), rest(t, again))
		require.Zero(t, again.Stats().Torn)
		require.NoError(t, again.Close())
	}
}

func TestADamagedByteCostsNoOtherRecord(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	want := numbered(0, 5)
	ends := []int{segmentHeader}
	for _, m := range want {
		put(t, q, m)
		ends = append(ends, int(q.segments[0].size))
	}
	for _, flip := range []byte{0x01, 0x80, 0xff} {
		for at := range ends[5] {
			crashed := photograph(t, dir)
			name := newestFile(t, crashed)
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			content[at] ^= flip
			require.NoError(t, os.WriteFile(name, content, 0o600))

			left := slices.Clone(want)
			if hit, _ := slices.BinarySearch(ends, at+1); at >= segmentHeader {
				left = slices.Delete(left, hit-1, hit)
			}
			got := open(t, Options{Dir: crashed})
			require.Equal(t, left, rest(t, got), "byte %d", at)
			require.Equal(t, left, rest(t, got), "byte %d", at)
			s := got.Stats()
			require.Equal(t, uint64(len(want)-len(left)), s.Damaged+s.Torn, "byte %d: %+v", at, s)
			require.NoError(t, got.Close())
		}
	}
}

func TestDamagedAndMissingFilesAreSkippedAndCounted(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir, SegmentBytes: smallest})
	want := numbered(0, 600)
	put(t, q, want...)
	require.Greater(t, len(q.segments), 6)
	first := make([]int, len(q.segments))
	for i, s := range q.segments {
		first[i] = int(s.first)
	}
	crashed := photograph(t, dir)
	path := func(i int) string { return filepath.Join(crashed, segmentName(uint64(first[i]))) }
	require.NoError(t, os.Remove(path(1)))
	require.NoError(t, os.WriteFile(path(3), make([]byte, 1000), 0o600)) // no header
	content, err := os.ReadFile(path(5))
	require.NoError(t, err)
	clear(content[len(content)/2:])
	require.NoError(t, os.WriteFile(path(5), content, 0o600))

	got := open(t, Options{Dir: crashed, SegmentBytes: smallest})
	r := got.NewReader()
	messages := readAll(t, r)
	require.Equal(t, uint64(600), r.Due())
	require.Equal(t, uint64(600-len(messages)), got.Stats().Damaged)
	require.Equal(t, want[:first[1]], messages[:first[1]])
	require.Subset(t, messages, want[first[2]:first[3]])
	require.Subset(t, messages, want[first[4]:first[5]])
	require.Subset(t, messages, want[first[6]:])
	got.Ack(600)
	require.Zero(t, got.Stats().Waiting)
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

func TestContentThatImitatesARecordIsNotTakenForOne(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	var fake []byte
	for _, seed := range []uint32{0, seedOf(0)} {
		record := append(make([]byte, Room), "fake"...)
		putHeader(record, seed, 1)
		fake = append(fake, record...)
	}
	put(t, q, string(fake), "true")
	crashed := photograph(t, dir)
	name := newestFile(t, crashed)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	content[segmentHeader+4]++ // its length
	require.NoError(t, os.WriteFile(name, content, 0o600))
	got := open(t, Options{Dir: crashed})
	require.Equal(t, []string{"true"}, rest(t, got))
	require.Equal(t, uint64(1), got.Stats().Damaged)
}

func TestContentFullOfHeadersDoesNotHoldUpTheReader(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	var fake []byte
	for range 400_000 {
		fake = binary.LittleEndian.AppendUint32(fake, 0)
		fake = binary.LittleEndian.AppendUint32(fake, 6<<20)
		fake = binary.LittleEndian.AppendUint64(fake, 1)
	}
	put(t, q, string(fake), strings.Repeat("y", 7<<20))
	crashed := photograph(t, dir)
	name := newestFile(t, crashed)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	content[segmentHeader]++
	require.NoError(t, os.WriteFile(name, content, 0o600))
	testkit.Finish(t, "the recovery", func() {
		got, err := Open(Options{Dir: crashed})
		if err == nil {
			_ = got.Close()
		}
	})
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
func appendUntilKilled(dir string) {
	q, err := Open(Options{Dir: dir, SegmentBytes: smallest, SyncEvery: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, next := q.Indexes()
	for i := int(next); ; i += 3 {
		if n, err := q.Append(joined(numbered(i, i+3)...)); n != 3 {
			fmt.Println(n, err)
			os.Exit(1)
		}
		if i%2 == 0 {
			q.Ack(uint64(max(i-50, 0)))
		}
		fmt.Println(i + 3)
	}
}

func TestAKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	said := 0
	for round := range 10 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "HERMES_TEST_BACKLOG="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for range 20 + rand.IntN(200) {
			require.True(t, lines.Scan(), "round %d", round)
			said, err = strconv.Atoi(lines.Text())
			require.NoError(t, err, "round %d", round)
		}
		_, err = Open(Options{Dir: dir})
		require.ErrorIs(t, err, ErrLocked, "another process has it")
		require.NoError(t, child.Process.Kill())
		for lines.Scan() { // what it still said
			said, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		_ = child.Wait()

		q := open(t, Options{Dir: dir, SegmentBytes: smallest})
		first, next := q.Indexes()
		require.GreaterOrEqual(t, int(next), said, "round %d", round)
		require.LessOrEqual(t, int(first), max(said-50, 0)+3)
		require.Equal(t, numbered(int(first), int(next)), rest(t, q), "round %d", round)
		require.Zero(t, q.Stats().Damaged)
		require.NoError(t, q.Close())
	}
}

func noFsync(*os.File) error { return nil }

func FuzzRecover(f *testing.F) {
	dir := f.TempDir()
	q, err := Open(Options{Dir: dir})
	require.NoError(f, err)
	_, err = q.Append(joined("one", "", "three"))
	require.NoError(f, err)
	q.Ack(1)
	require.NoError(f, q.Close())
	firsts, err := listSegments(dir)
	require.NoError(f, err)
	segment, err := os.ReadFile(filepath.Join(dir, segmentName(firsts[0])))
	require.NoError(f, err)
	position, err := os.ReadFile(filepath.Join(dir, positionName))
	require.NoError(f, err)
	f.Add(segment, position, uint8(0))
	f.Add(segment[:len(segment)-2], position[:5], uint8(1))
	f.Add([]byte{}, []byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, segment, position []byte, first uint8) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(uint64(first))), segment, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, positionName), position, 0o600))
		q, err := Open(Options{Dir: dir, fsync: noFsync})
		require.NoError(t, err)
		if before, next := q.Indexes(); before > next || next > 1<<63 {
			_ = q.Close()
			return // a valid position near the end of all numbers, which is never reached
		}
		before := rest(t, q)
		put(t, q, "new")
		require.Equal(t, append(before, "new"), rest(t, q))
		require.NoError(t, q.Close())
		q, err = Open(Options{Dir: dir, fsync: noFsync})
		require.NoError(t, err)
		require.Equal(t, append(before, "new"), rest(t, q))
		_, next := q.Indexes()
		q.Ack(next)
		require.NoError(t, q.Close())
	})
}

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
