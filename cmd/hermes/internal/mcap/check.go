package mcap

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
)

// mostProblems is how many problems Check lists.
const mostProblems = 20

// Check reads all of a file, and compares checksums, indexes and summary with what is there. It
// gives what is wrong, for people; the error is one of reading.
func Check(in io.ReaderAt, size int64, name string) (problems []string, err error) {
	s, err := NewScanner(io.NewSectionReader(in, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k := &checker{File: File{Name: name, Size: size, in: in}}
	k.clear()
	k.Statistics.ChannelCounts = map[uint16]uint64{}
	if err := k.readHeader(s); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k.data(s)
	if k.ended {
		k.summary()
	}
	if n := len(k.problems) - mostProblems; n > 0 {
		k.problems = append(k.problems[:mostProblems], fmt.Sprintf("and %d more", n))
	}
	return k.problems, nil
}

// checker is a file that is checked; its File is what the data section says.
type checker struct {
	File
	problems []string
	ended    bool                    // there is a data end
	pending  map[uint16][]indexEntry // of the chunk whose indexes are expected; nil: none
	chunkAt  int64
}

func (k *checker) complain(format string, args ...any) {
	k.problems = append(k.problems, fmt.Sprintf(format, args...))
}

// data checks the data section.
func (k *checker) data(s *Scanner) {
	for {
		at := s.Offset()
		op, content, err := s.Next()
		if op != OpMessageIndex {
			k.allIndexed()
		}
		switch {
		case errors.Is(err, io.EOF):
			k.complain("the file was not finished: it has no end")
			return
		case err != nil:
			k.complain("offset %d: %v", at, err)
			return
		case op == OpDataEnd:
			k.ended = true
			k.dataEnd(content, at)
			return
		}
		if err := k.record(op, content, at); err != nil {
			k.complain("offset %d: %v", at, err)
		}
	}
}

func (k *checker) record(op Opcode, content []byte, at int64) error {
	switch op {
	case OpChunk:
		k.chunkAt = at
		k.pending = map[uint16][]indexEntry{}
		chunks := len(k.Chunks)
		err := scanned{&k.File}.note(op, content, at)
		if err == nil && len(k.Chunks) > chunks {
			err = k.collect(&k.Chunks[chunks])
		}
		if err != nil {
			k.pending = nil
		}
		return err
	case OpMessageIndex:
		return k.index(content, at)
	case OpSchema, OpChannel:
		return k.declareOnce(op, content)
	}
	return scanned{&k.File}.note(op, content, at)
}

// declareOnce refuses another channel or schema of the same number.
func (k *checker) declareOnce(op Opcode, content []byte) error {
	id := cursor{rest: content}
	n := id.uint16()
	oldSchema, oldChannel := k.Schemas[n], k.Channels[n]
	if err := k.declare(op, content); err != nil {
		return err
	}
	if op == OpSchema && oldSchema != nil && !reflect.DeepEqual(oldSchema, k.Schemas[n]) {
		return fmt.Errorf("there are two schemas with the number %d", n)
	}
	if op == OpChannel && oldChannel != nil && !reflect.DeepEqual(oldChannel, k.Channels[n]) {
		return fmt.Errorf("there are two channels with the number %d", n)
	}
	return nil
}

// collect notes what the indexes behind a chunk have to say, and compares its times.
func (k *checker) collect(x *ChunkIndex) error {
	records, err := k.chunkRecords(x)
	if err != nil {
		return err
	}
	var first, last, n uint64
	for rest := records; len(rest) > 0; {
		at := uint64(len(records) - len(rest))
		var op Opcode
		var content []byte
		if op, content, rest, err = nextRecord(rest); err != nil {
			return err
		}
		if op != OpMessage {
			continue
		}
		m, err := parseMessage(content)
		if err != nil {
			return err
		}
		noteTime(&first, &last, n, m.LogTime)
		n++
		k.pending[m.Channel] = append(k.pending[m.Channel], indexEntry{m.LogTime, at})
	}
	if x.Start != first || x.End != last {
		return errors.New("the times of the chunk are not those of its messages")
	}
	return nil
}

// index compares a message index with the chunk before it.
func (k *checker) index(content []byte, at int64) error {
	channel, entries, err := parseMessageIndex(content)
	if err == nil && k.pending == nil {
		err = errors.New("an index follows no chunk")
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b indexEntry) int { return compare(a.offset, b.offset) })
	if !slices.Equal(entries, k.pending[channel]) {
		return fmt.Errorf("the index of channel %d differs from the chunk at offset %d", channel, k.chunkAt)
	}
	delete(k.pending, channel)
	if x := &k.Chunks[len(k.Chunks)-1]; x.Indexes == nil {
		x.Indexes = map[uint16]uint64{channel: uint64(at)}
	} else {
		x.Indexes[channel] = uint64(at)
	}
	k.Chunks[len(k.Chunks)-1].IndexLength += uint64(prefixSize + len(content))
	return nil
}

// allIndexed is called behind the indexes of a chunk.
func (k *checker) allIndexed() {
	if n := len(k.Chunks); n == 0 || k.Chunks[n-1].Indexes == nil {
		return // a file may do without them
	}
	for channel := range k.pending {
		k.complain("the chunk at offset %d has no index of channel %d", k.chunkAt, channel)
	}
	k.pending = nil
}

// dataEnd compares the checksum of the data section.
func (k *checker) dataEnd(content []byte, at int64) {
	c := cursor{rest: content}
	crc := c.uint32()
	if crc == 0 || c.short {
		return
	}
	got, err := checksumOf(io.NewSectionReader(k.in, 0, at))
	if err != nil {
		k.complain("%v", err)
	} else if got != crc {
		k.complain("the checksum of the data section is wrong")
	}
}

// summary compares the summary with the data section.
func (k *checker) summary() {
	says := &File{Name: k.Name, Size: k.Size, in: k.in, Header: k.Header}
	footer, err := says.readFooter()
	if err == nil && footer.SummaryStart == 0 {
		return // there is none
	}
	if err == nil {
		err = says.readSummary()
	}
	if err != nil {
		k.complain("the summary: %v", err)
		return
	}
	a, b := says.Statistics, k.Statistics
	b.Channels, b.Schemas = uint32(len(k.Channels)), uint16(len(k.Schemas))
	if len(a.ChannelCounts) == 0 {
		b.ChannelCounts = a.ChannelCounts
	}
	if !reflect.DeepEqual(a, b) {
		k.complain("the statistics say %+v, and the file has %+v", a, b)
	}
	if !reflect.DeepEqual(says.Channels, k.Channels) || !reflect.DeepEqual(says.Schemas, k.Schemas) {
		k.complain("the channels of the summary are not those of the file")
	}
	k.compareChunks(says.Chunks)
	for _, x := range says.Metadata {
		if _, err := says.MetadataAt(x); err != nil {
			k.complain("the summary: metadata %q: %v", x.Name, err)
		}
	}
}

func (k *checker) compareChunks(says []ChunkIndex) {
	if len(says) != len(k.Chunks) {
		k.complain("the summary has %d chunks, and the file %d", len(says), len(k.Chunks))
		return
	}
	for i, x := range says {
		y := k.Chunks[i]
		if len(x.Indexes) == 0 && len(y.Indexes) == 0 {
			x.Indexes, y.Indexes = nil, nil
		}
		if maps.Equal(x.Indexes, y.Indexes) {
			x.Indexes, y.Indexes = nil, nil
		}
		if !reflect.DeepEqual(x, y) {
			k.complain("the summary describes the chunk at offset %d otherwise than it is", y.Offset)
		}
	}
}
