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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func photograph(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func newestFile(t testing.TB, dir string) string {
	t.Helper()
	firsts, err := listSegments(dir)
	require.NoError(t, err)
	require.NotEmpty(t, firsts)
	return filepath.Join(dir, segmentName(firsts[len(firsts)-1]))
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

func TestTheRecordsOfAFileWithoutAHeaderAreCounted(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir, SegmentBytes: smallest})
	put(t, q, numbered(0, 300)...)
	q.Ack(5)
	require.NoError(t, q.Close())
	firsts, err := listSegments(dir)
	require.NoError(t, err)
	require.Greater(t, len(firsts), 2)
	f, err := os.OpenFile(filepath.Join(dir, segmentName(firsts[0])), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, segmentHeader), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	q = open(t, Options{Dir: dir, SegmentBytes: smallest})
	require.Equal(t, uint64(295), q.Stats().Waiting)
	require.Equal(t, numbered(0, 300)[firsts[1]:], rest(t, q))
	require.Equal(t, firsts[1]-5, q.Stats().Damaged)
}
