package mcap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Scanner reads the records of a file one after the other, from its magic bytes on.
type Scanner struct {
	in   *bufio.Reader
	at   int64 // offset behind the last record
	room []byte
}

// NewScanner reads the magic bytes.
func NewScanner(in io.Reader) (*Scanner, error) {
	s := &Scanner{in: bufio.NewReaderSize(in, 64<<10)}
	var magic [len(Magic)]byte
	if n, err := io.ReadFull(s.in, magic[:]); string(magic[:n]) != Magic {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		return nil, ErrNotMCAP
	}
	s.at = int64(len(Magic))
	return s, nil
}

// Offset is how far it has come: the end of the last record.
func (s *Scanner) Offset() int64 { return s.at }

// Next reads a record. Its content is void at the next call. io.EOF where the file ends behind a
// record, ErrTruncated where it ends within one.
func (s *Scanner) Next() (op Opcode, content []byte, err error) {
	var head [prefixSize]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return 0, nil, truncated(err)
	}
	n := le.Uint64(head[1:])
	if n > mostRecord {
		return 0, nil, fmt.Errorf("offset %d: a record of %d bytes is larger than the limit of %d", s.at, n, mostRecord)
	}
	if head[0] == 0 {
		return 0, nil, fmt.Errorf("offset %d: 0 is no opcode", s.at)
	}
	if s.room, err = readGrowing(s.in, s.room[:0], int(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, truncated(err)
	}
	s.at += prefixSize + int64(n)
	return Opcode(head[0]), s.room, nil
}

func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

// readGrowing reads n bytes; memory grows with what there is, because n comes from the file.
func readGrowing(in io.Reader, room []byte, n int) ([]byte, error) {
	const step = 1 << 20
	for len(room) < n {
		from, more := len(room), min(n-len(room), max(step, len(room)))
		if cap(room) < from+more {
			room = append(make([]byte, 0, from+more), room...)
		}
		room = room[:from+more]
		if _, err := io.ReadFull(in, room[from:]); err != nil {
			return room[:from], err
		}
	}
	return room, nil
}
