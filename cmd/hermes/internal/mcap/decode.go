package mcap

import (
	"fmt"
	"hash/crc32"
	"io"
)

// checksum is the CRC-32 of the specification: that of IEEE 802.3.
func checksum(p []byte) uint32 { return crc32.ChecksumIEEE(p) }

// checksumOf is that of all that a reader gives.
func checksumOf(in io.Reader) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, in)
	return h.Sum32(), err
}

// cursor reads the fields of a record. Once one is missing, short is set and the others are zero.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.short, c.rest = true, nil
		return nil
	}
	p := c.rest[:n:n]
	c.rest = c.rest[n:]
	return p
}

func (c *cursor) uint16() uint16 {
	if p := c.bytes(2); p != nil {
		return le.Uint16(p)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if p := c.bytes(4); p != nil {
		return le.Uint32(p)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if p := c.bytes(8); p != nil {
		return le.Uint64(p)
	}
	return 0
}

// array is bytes with their length in front, as a view.
func (c *cursor) array() []byte { return c.bytes(uint64(c.uint32())) }

func (c *cursor) text() string { return string(c.array()) }

func (c *cursor) texts() map[string]string {
	in := cursor{rest: c.array()}
	m := map[string]string{}
	for len(in.rest) > 0 {
		key := in.text()
		m[key] = in.text()
	}
	c.short = c.short || in.short
	return m
}

func (c *cursor) numbers() map[uint16]uint64 {
	in := cursor{rest: c.array()}
	m := map[uint16]uint64{}
	for len(in.rest) > 0 {
		key := in.uint16()
		m[key] = in.uint64()
	}
	c.short = c.short || in.short
	return m
}

// err is the error of a record that was too short for its fields.
func (c *cursor) err(what string) error {
	if c.short {
		return fmt.Errorf("the %s record is shorter than its fields", what)
	}
	return nil
}

func parseHeader(p []byte) (h Header, err error) {
	c := cursor{rest: p}
	h = Header{c.text(), c.text()}
	return h, c.err("header")
}

func parseFooter(p []byte) (f Footer, err error) {
	c := cursor{rest: p}
	f = Footer{c.uint64(), c.uint64(), c.uint32()}
	return f, c.err("footer")
}

func parseSchema(p []byte) (s Schema, err error) {
	c := cursor{rest: p}
	s = Schema{c.uint16(), c.text(), c.text(), append([]byte{}, c.array()...)}
	return s, c.err("schema")
}

func parseChannel(p []byte) (h Channel, err error) {
	c := cursor{rest: p}
	h = Channel{c.uint16(), c.uint16(), c.text(), c.text(), c.texts()}
	return h, c.err("channel")
}

// parseMessage gives a message whose data are a view.
func parseMessage(p []byte) (m Message, err error) {
	c := cursor{rest: p}
	m = Message{c.uint16(), c.uint32(), c.uint64(), c.uint64(), nil}
	m.Data = c.rest
	return m, c.err("message")
}

func parseMetadata(p []byte) (m Metadata, err error) {
	c := cursor{rest: p}
	m = Metadata{c.text(), c.texts()}
	return m, c.err("metadata")
}

// parseAttachment gives an attachment whose data are a view.
func parseAttachment(p []byte) (a Attachment, err error) {
	c := cursor{rest: p}
	a = Attachment{c.uint64(), c.uint64(), c.text(), c.text(), nil}
	a.Data = c.bytes(c.uint64())
	body := p[:len(p)-len(c.rest)]
	crc := c.uint32()
	if err := c.err("attachment"); err != nil {
		return a, err
	}
	if crc != 0 && crc != checksum(body) {
		return a, fmt.Errorf("attachment %q: %w", a.Name, ErrCRC)
	}
	return a, nil
}

func parseChunkIndex(p []byte) (x ChunkIndex, err error) {
	c := cursor{rest: p}
	x = ChunkIndex{c.uint64(), c.uint64(), c.uint64(), c.uint64(), c.numbers(), c.uint64(), c.text(), c.uint64(), c.uint64()}
	return x, c.err("chunk index")
}

func parseMetadataIndex(p []byte) (x MetadataIndex, err error) {
	c := cursor{rest: p}
	x = MetadataIndex{c.uint64(), c.uint64(), c.text()}
	return x, c.err("metadata index")
}

func parseStatistics(p []byte) (s Statistics, err error) {
	c := cursor{rest: p}
	s = Statistics{c.uint64(), c.uint16(), c.uint32(), c.uint32(), c.uint32(), c.uint32(), c.uint64(), c.uint64(), c.numbers()}
	return s, c.err("statistics")
}

// indexEntry is where a message of a chunk is, within what the chunk is decompressed.
type indexEntry struct{ time, offset uint64 }

func parseMessageIndex(p []byte) (channel uint16, entries []indexEntry, err error) {
	c := cursor{rest: p}
	channel = c.uint16()
	in := cursor{rest: c.array()}
	for len(in.rest) > 0 {
		entries = append(entries, indexEntry{in.uint64(), in.uint64()})
	}
	c.short = c.short || in.short
	return channel, entries, c.err("message index")
}

// chunkHead is a chunk record without its messages.
type chunkHead struct {
	start, end, size uint64
	crc              uint32
	compression      string
}

// parseChunk gives a chunk whose records, as they are compressed, are a view.
func parseChunk(p []byte) (h chunkHead, records []byte, err error) {
	c := cursor{rest: p}
	h = chunkHead{c.uint64(), c.uint64(), c.uint64(), c.uint32(), c.text()}
	records = c.bytes(c.uint64())
	return h, records, c.err("chunk")
}

// nextRecord splits the first record off p; its content is a view.
func nextRecord(p []byte) (op Opcode, content, rest []byte, err error) {
	c := cursor{rest: p}
	head := c.bytes(1)
	n := c.uint64()
	content = c.bytes(n)
	if c.short {
		return 0, nil, nil, ErrTruncated
	}
	return Opcode(head[0]), content, c.rest, nil
}
