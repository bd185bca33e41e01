package mcap

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// File is a file that is open for reading. Once it is open, its fields and what its methods give
// are read only.
type File struct {
	Name     string
	Size     int64
	Header   Header
	Schemas  map[uint16]*Schema
	Channels map[uint16]*Channel
	Chunks   []ChunkIndex
	// Statistics are those of the summary, or counted by a scan.
	Statistics Statistics
	Metadata   []MetadataIndex
	// Broken says why the file has no summary, and Whole how much of it can be read then. A file
	// that has none on purpose is not broken.
	Broken error
	Whole  int64

	in io.ReaderAt
}

// Open opens a file by its summary. Where it has none, because it is being written or was not
// finished, all of it is read.
func Open(name string) (*File, func() error, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	var f *File
	if err == nil {
		f, err = Read(in, info.Size(), name)
	}
	if err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	return f, in.Close, nil
}

// Read is Open for what is open already; name is for error texts.
func Read(in io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{Name: name, Size: size, in: in}
	s, err := NewScanner(io.NewSectionReader(in, 0, size))
	if err == nil {
		err = f.readHeader(s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if why := f.readSummary(); why != nil {
		if err := f.scan(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if f.Broken != nil {
			f.Broken = fmt.Errorf("%s: %w", name, f.Broken)
		}
	}
	return f, nil
}

func (f *File) clear() {
	f.Schemas, f.Channels = map[uint16]*Schema{}, map[uint16]*Channel{}
	f.Chunks, f.Metadata, f.Statistics = nil, nil, Statistics{}
}

func (f *File) readHeader(s *Scanner) error {
	op, content, err := s.Next()
	if err == nil && op != OpHeader {
		err = fmt.Errorf("the first record is no header, but of type %d", op)
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = ErrTruncated
		}
		return err
	}
	f.Header, err = parseHeader(content)
	return err
}

// errNoSummary says that a file has no summary that helps to read it.
var errNoSummary = errors.New("no summary")

// readFooter reads the end of the file.
func (f *File) readFooter() (Footer, error) {
	const size = prefixSize + footerSize + len(Magic)
	var tail [size]byte
	if f.Size < int64(len(Magic)+size) {
		return Footer{}, errNoSummary
	}
	if _, err := f.in.ReadAt(tail[:], f.Size-int64(size)); err != nil {
		return Footer{}, err
	}
	if string(tail[size-len(Magic):]) != Magic || Opcode(tail[0]) != OpFooter || le.Uint64(tail[1:]) != footerSize {
		return Footer{}, errNoSummary
	}
	return parseFooter(tail[prefixSize : size-len(Magic)])
}

// readSummary reads the summary. An error means that there is none that can be used.
func (f *File) readSummary() error {
	footer, err := f.readFooter()
	if err != nil {
		return err
	}
	last := f.Size - int64(len(Magic)+prefixSize+footerSize)
	if footer.SummaryStart == 0 || footer.SummaryStart > uint64(last) || last-int64(footer.SummaryStart) > mostRecord {
		return errNoSummary
	}
	room := make([]byte, last-int64(footer.SummaryStart)+prefixSize+16)
	if _, err := f.in.ReadAt(room, int64(footer.SummaryStart)); err != nil {
		return err
	}
	if footer.SummaryCRC != 0 && footer.SummaryCRC != checksum(room) {
		return ErrCRC
	}
	f.clear()
	counted := false
	for rest := room[:len(room)-prefixSize-16]; len(rest) > 0; {
		var op Opcode
		var content []byte
		if op, content, rest, err = nextRecord(rest); err != nil {
			return err
		}
		counted = counted || op == OpStatistics
		if err := f.noteSummary(op, content); err != nil {
			return err
		}
	}
	if !counted || uint32(len(f.Chunks)) != f.Statistics.Chunks {
		return errNoSummary
	}
	if f.Statistics.Messages > 0 && len(f.Chunks) == 0 { // they are not in chunks
		return errNoSummary
	}
	f.Whole = f.Size
	return f.checkChunks(last)
}

// checkChunks refuses chunks that lie outside of the file.
func (f *File) checkChunks(last int64) error {
	for i := range f.Chunks {
		x := &f.Chunks[i]
		if x.Offset > uint64(last) || x.Length > uint64(last)-x.Offset || x.Length < prefixSize || x.Length > mostRecord {
			return fmt.Errorf("chunk %d lies outside of the file", i)
		}
	}
	return nil
}

// noteSummary takes in a record of the summary.
func (f *File) noteSummary(op Opcode, content []byte) (err error) {
	switch op {
	case OpSchema, OpChannel:
		return f.declare(op, content)
	case OpChunkIndex:
		var x ChunkIndex
		x, err = parseChunkIndex(content)
		f.Chunks = append(f.Chunks, x)
	case OpMetadataIndex:
		var x MetadataIndex
		x, err = parseMetadataIndex(content)
		f.Metadata = append(f.Metadata, x)
	case OpStatistics:
		f.Statistics, err = parseStatistics(content)
	}
	return err
}

// declare takes in a schema or a channel.
func (f *File) declare(op Opcode, content []byte) error {
	if op == OpSchema {
		s, err := parseSchema(content)
		if err == nil && s.ID != 0 {
			f.Schemas[s.ID] = &s
		}
		return err
	}
	c, err := parseChannel(content)
	if err == nil {
		f.Channels[c.ID] = &c
	}
	return err
}

// scan reads the whole file in place of its summary.
func (f *File) scan() error {
	f.clear()
	f.Statistics.ChannelCounts = map[uint16]uint64{}
	s, err := NewScanner(io.NewSectionReader(f.in, 0, f.Size))
	if err != nil {
		return err
	}
	sum := scanned{File: f}
	for {
		f.Whole = s.Offset()
		op, content, err := s.Next()
		if err == nil {
			err = sum.note(op, content, f.Whole)
		}
		if op == OpDataEnd && err == nil {
			f.Whole = f.Size
			if _, err := f.readFooter(); err != nil {
				f.Broken = errors.New("it ends within its summary")
			}
			break
		}
		if err != nil {
			if f.Broken = err; errors.Is(err, io.EOF) {
				f.Broken = errors.New("it was not finished: it has no end")
			}
			break
		}
	}
	f.Statistics.Channels, f.Statistics.Schemas = uint32(len(f.Channels)), uint16(len(f.Schemas))
	return nil
}

// scanned takes in the records of a scan.
type scanned struct {
	*File
}

func (s scanned) note(op Opcode, content []byte, at int64) error {
	switch op {
	case OpSchema, OpChannel:
		return s.declare(op, content)
	case OpMessage:
		m, err := parseMessage(content)
		if err == nil {
			s.noteLoose(at, len(content), m.LogTime)
			err = s.count(&m)
		}
		return err
	case OpChunk:
		return s.noteChunk(content, at)
	case OpMetadata:
		m, err := parseMetadata(content)
		if err == nil {
			s.File.Metadata = append(s.File.Metadata, MetadataIndex{uint64(at), uint64(prefixSize + len(content)), m.Name})
			s.Statistics.Metadata++
		}
		return err
	case OpAttachment:
		_, err := parseAttachment(content)
		if err == nil {
			s.Statistics.Attachments++
		}
		return err
	}
	return nil
}

// loose marks, in place of a compression, a range of messages that are in no chunk.
const loose = "\x00loose"

// mostLoose is the size of such a range.
const mostLoose = 4 << 20

// noteLoose takes in a message that is in no chunk: neighbours are read together.
func (s scanned) noteLoose(at int64, n int, t uint64) {
	size := uint64(prefixSize + n)
	if i := len(s.Chunks) - 1; i >= 0 {
		x := &s.Chunks[i]
		if x.Compression == loose && x.Offset+x.Length == uint64(at) && x.Length+size <= mostLoose {
			x.Length += size
			noteTime(&x.Start, &x.End, 1, t)
			return
		}
	}
	s.Chunks = append(s.Chunks, ChunkIndex{Start: t, End: t, Offset: uint64(at), Length: size, Compression: loose})
}

func (s scanned) noteChunk(content []byte, at int64) error {
	head, packed, err := parseChunk(content)
	if err != nil {
		return err
	}
	records, err := head.unpack(packed)
	if err != nil {
		return err
	}
	for rest := records; len(rest) > 0; {
		var op Opcode
		var inner []byte
		if op, inner, rest, err = nextRecord(rest); err != nil {
			return err
		}
		switch op {
		case OpSchema, OpChannel:
			err = s.declare(op, inner)
		case OpMessage:
			var m Message
			if m, err = parseMessage(inner); err == nil {
				err = s.count(&m)
			}
		}
		if err != nil {
			return err
		}
	}
	s.Statistics.Chunks++
	s.Chunks = append(s.Chunks, ChunkIndex{Start: head.start, End: head.end, Offset: uint64(at), Length: uint64(prefixSize + len(content)),
		Compression: head.compression, CompressedSize: uint64(len(packed)), UncompressedSize: head.size})
	return nil
}

func (s scanned) count(m *Message) error {
	if s.Channels[m.Channel] == nil {
		return fmt.Errorf("a message is of channel %d, which does not exist", m.Channel)
	}
	noteTime(&s.Statistics.Start, &s.Statistics.End, s.Statistics.Messages, m.LogTime)
	s.Statistics.Messages++
	s.Statistics.ChannelCounts[m.Channel]++
	return nil
}

// MetadataAt reads one of the metadata.
func (f *File) MetadataAt(x MetadataIndex) (Metadata, error) {
	content, err := f.record(x.Offset, x.Length, OpMetadata)
	if err != nil {
		return Metadata{}, err
	}
	return parseMetadata(content)
}

// record reads one record, of which the place is known.
func (f *File) record(offset, length uint64, op Opcode) ([]byte, error) {
	if length > mostRecord || offset > uint64(f.Size) || length > uint64(f.Size)-offset {
		return nil, fmt.Errorf("%s: a record lies outside of the file", f.Name)
	}
	room := make([]byte, length)
	if _, err := f.in.ReadAt(room, int64(offset)); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	got, content, rest, err := nextRecord(room)
	if err == nil && (got != op || len(rest) > 0) {
		err = fmt.Errorf("offset %d has no record of type %d and %d bytes", offset, op, length)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return content, nil
}
