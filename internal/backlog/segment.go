package backlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A segment is a file of records. Its name is the index of the first one, in 16 hexadecimal
// digits, and ".backlog". It begins with two copies of a header, so that one damaged block does
// not cost the file; numbers are little-endian:
//
//	offset  size  meaning
//	0       8     "HERMESQ1"
//	8       8     run: random, the same in all segments of one opening
//	16      8     index of the first record
//	24      4     0
//	28      4     CRC-32C of bytes 0 to 27
//	32      32    the same again
//	64            records, see record.go
const (
	segmentMagic  = "HERMESQ1"
	headerCopy    = 32
	segmentHeader = 2 * headerCopy
	segmentSuffix = ".backlog"
)

// segment is an open segment file. Queue.mu guards size, dirty and full.
type segment struct {
	file  *os.File
	run   uint64
	seed  uint32 // of its checksums
	first uint64 // index of its first record
	size  int64  // behind the last record
	dirty bool   // not through fsync
	full  bool   // nothing more is written to it
}

var errHeader = errors.New("its header is damaged")

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, segmentSuffix) }

// firstOf is the index in the name of a segment.
func firstOf(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil && segmentName(first) == name
}

func appendHeader(dst []byte, run, first uint64) []byte {
	for range 2 {
		at := len(dst)
		dst = append(dst, segmentMagic...)
		dst = binary.LittleEndian.AppendUint64(dst, run)
		dst = binary.LittleEndian.AppendUint64(dst, first)
		dst = append(dst, 0, 0, 0, 0)
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
	}
	return dst
}

// parseHeader reads the first copy that is undamaged.
func parseHeader(p []byte, first uint64) (run uint64, err error) {
	for ; len(p) >= headerCopy; p = p[headerCopy:] {
		h := p[:headerCopy]
		if string(h[:8]) == segmentMagic && binary.LittleEndian.Uint64(h[16:]) == first &&
			crc32.Checksum(h[:28], castagnoli) == binary.LittleEndian.Uint32(h[28:]) {
			return binary.LittleEndian.Uint64(h[8:]), nil
		}
	}
	return 0, errHeader
}

// createSegment makes an empty segment; one of that name that is there holds nothing that
// counts, and is replaced.
func createSegment(dir string, run, first uint64, writeAt func(*os.File, []byte, int64) (int, error)) (*segment, error) {
	name := filepath.Join(dir, segmentName(first))
	_ = os.Remove(name)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot begin a file: %w", err)
	}
	if _, err = writeAt(f, appendHeader(nil, run, first), 0); err != nil {
		_ = f.Close()
		_ = os.Remove(name)
		return nil, fmt.Errorf("cannot begin %s: %w", name, err)
	}
	return &segment{file: f, run: run, seed: seedOf(run), first: first, size: segmentHeader}, nil
}

// openSegment opens one that is there.
func openSegment(dir string, first uint64) (*segment, error) {
	f, err := os.OpenFile(filepath.Join(dir, segmentName(first)), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.Name())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s := &segment{file: f, first: first, size: info.Size()}
	head := make([]byte, segmentHeader)
	n, err := f.ReadAt(head, 0)
	if err == nil || errors.Is(err, io.EOF) {
		s.run, err = parseHeader(head[:n], first)
	}
	if err == nil && n < segmentHeader {
		err = errHeader // it has no records
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	s.seed = seedOf(s.run)
	return s, nil
}

// read reads the file from an offset on, at most to its size.
func (s *segment) read(buf []byte, at, size int64) ([]byte, error) {
	n := max(min(size-at, int64(cap(buf))), 0)
	got, err := s.file.ReadAt(buf[:n], at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:got], err
}
