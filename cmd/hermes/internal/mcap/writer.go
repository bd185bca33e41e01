package mcap

import (
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Catalog has the channels and schemas of a recording, which may be spread over several files.
// It only grows. A Writer may read it while it grows: what it needs is there before.
type Catalog struct {
	schemas  map[uint16]*Schema
	channels map[uint16]*Channel
}

// NewCatalog makes an empty one.
func NewCatalog() *Catalog {
	return &Catalog{schemas: map[uint16]*Schema{}, channels: map[uint16]*Channel{}}
}

// AddSchema and AddChannel add what is new.
func (c *Catalog) AddSchema(s *Schema) { c.schemas[s.ID] = s }

// AddChannel adds a channel.
func (c *Catalog) AddChannel(h *Channel) { c.channels[h.ID] = h }

// Channel finds a channel.
func (c *Catalog) Channel(id uint16) *Channel { return c.channels[id] }

// Writer writes one file. After an error nothing more can be written before Rewind; Kept says how
// much of the file is whole then.
type Writer struct {
	out      io.Writer
	catalog  *Catalog
	crc      uint32 // of the data section
	size     uint64
	kept     uint64 // of which this is whole, and
	keptCRC  uint32 // this its checksum
	err      error
	room     []byte
	channels map[uint16]bool // that were written
	schemas  map[uint16]bool

	order       []*Channel // that were written, in their order
	schemaOrder []*Schema
	chunks      []ChunkIndex
	attachments []AttachmentIndex
	metadata    []MetadataIndex
	stats       Statistics
}

// NewWriter begins a file.
func NewWriter(out io.Writer, h Header, catalog *Catalog) (*Writer, error) {
	w := &Writer{out: out, catalog: catalog, channels: map[uint16]bool{}, schemas: map[uint16]bool{}}
	w.stats.ChannelCounts = map[uint16]uint64{}
	err := w.write(h.append([]byte(Magic)))
	w.keep()
	return w, err
}

// Size is the size of the file so far; its summary will be larger by SummarySize.
func (w *Writer) Size() int64 { return int64(w.size) }

// Kept is the size of what is whole.
func (w *Writer) Kept() int64 { return int64(w.kept) }

// Statistics are the counts so far.
func (w *Writer) Statistics() Statistics { return w.stats }

// keep notes that what was written so far is whole.
func (w *Writer) keep() {
	if w.err == nil {
		w.kept, w.keptCRC = w.size, w.crc
	}
}

// Rewind lets it go on after an error, once the caller has cut the output to Kept bytes, behind
// which it writes.
func (w *Writer) Rewind() { w.err, w.size, w.crc = nil, w.kept, w.keptCRC }

func (w *Writer) write(parts ...[]byte) error {
	for _, p := range parts {
		if w.err != nil {
			return w.err
		}
		if _, w.err = w.out.Write(p); w.err == nil {
			w.crc = crc32.Update(w.crc, crc32.IEEETable, p)
			w.size += uint64(len(p))
		}
	}
	return w.err
}

// declare appends the channels that a chunk needs and the file does not have yet.
func (w *Writer) declare(dst []byte, c *Chunk) ([]byte, error) {
	for _, x := range c.indexes {
		if w.channels[x.channel] {
			continue
		}
		channel := w.catalog.channels[x.channel]
		if channel == nil {
			return dst, fmt.Errorf("a chunk has messages of channel %d, which is not in the catalog", x.channel)
		}
		if id := channel.SchemaID; id != 0 && !w.schemas[id] {
			schema := w.catalog.schemas[id]
			if schema == nil {
				return dst, fmt.Errorf("channel %q has schema %d, which is not in the catalog", channel.Topic, id)
			}
			dst = schema.append(dst)
			w.schemas[id] = true
			w.schemaOrder = append(w.schemaOrder, schema)
		}
		dst = channel.append(dst)
		w.channels[x.channel] = true
		w.order = append(w.order, channel)
	}
	return dst, nil
}

// undeclare forgets all channels and schemas but the first ones.
func (w *Writer) undeclare(channels, schemas int) {
	for _, c := range w.order[channels:] {
		delete(w.channels, c.ID)
	}
	for _, s := range w.schemaOrder[schemas:] {
		delete(w.schemas, s.ID)
	}
	w.order, w.schemaOrder = w.order[:channels], w.schemaOrder[:schemas]
}

// Chunk writes a chunk, with the channels that it is the first one to need in front and its
// indexes behind it.
func (w *Writer) Chunk(c *Chunk) error {
	channels, schemas := len(w.order), len(w.schemaOrder)
	room, err := w.declare(w.room[:0], c)
	if err != nil {
		w.undeclare(channels, schemas)
		return err
	}
	x := ChunkIndex{Start: c.head.start, End: c.head.end, Offset: w.size + uint64(len(room)), Compression: c.head.compression,
		CompressedSize: uint64(len(c.records)), UncompressedSize: c.head.size}
	declared := len(room)
	room = c.appendHead(room)
	x.Length = uint64(len(room) - declared + len(c.records))
	head := len(room)
	room, x.Indexes = c.appendIndexes(room, x.Offset+x.Length)
	x.IndexLength = uint64(len(room) - head)
	w.room = room
	if err := w.write(room[:head], c.records, room[head:]); err != nil {
		w.undeclare(channels, schemas)
		return err
	}
	w.keep()
	w.chunks = append(w.chunks, x)
	w.count(c)
	return nil
}

func (w *Writer) count(c *Chunk) {
	s := &w.stats
	s.Chunks++
	if c.messages > 0 {
		noteTime(&s.Start, &s.End, s.Messages, c.head.start)
		noteTime(&s.Start, &s.End, 1, c.head.end)
	}
	s.Messages += c.messages
	for _, y := range c.indexes {
		s.ChannelCounts[y.channel] += uint64(len(y.entries) / entrySize)
	}
}

// HasMetadata reports whether metadata of this name were written.
func (w *Writer) HasMetadata(name string) bool {
	return slices.ContainsFunc(w.metadata, func(x MetadataIndex) bool { return x.Name == name })
}

// Metadata writes metadata.
func (w *Writer) Metadata(m Metadata) error {
	at := w.size
	if err := w.write(m.append(nil)); err != nil {
		return err
	}
	w.keep()
	w.metadata = append(w.metadata, MetadataIndex{at, w.size - at, m.Name})
	w.stats.Metadata++
	return nil
}

// Attachment writes an attachment.
func (w *Writer) Attachment(a Attachment) error {
	at := w.size
	if err := w.write(a.append(nil)); err != nil {
		return err
	}
	w.keep()
	w.attachments = append(w.attachments, AttachmentIndex{at, w.size - at, a.LogTime, a.CreateTime, uint64(len(a.Data)), a.Name, a.MediaType})
	w.stats.Attachments++
	return nil
}

// Close writes the summary and the end of the file. It does not close the underlying writer.
func (w *Writer) Close() error {
	tail, at := begin(nil, OpDataEnd)
	tail = end(le.AppendUint32(tail, w.crc), at)
	start := w.size + uint64(len(tail))
	summary, offsets := w.summary(start)
	behind := start + uint64(len(summary))
	last, at := begin(append(summary, offsets...), OpFooter)
	last = le.AppendUint64(le.AppendUint64(last, start), behind)
	le.PutUint64(last[at+1:], footerSize)
	last = append(le.AppendUint32(last, checksum(last)), Magic...)
	err := w.write(tail, last)
	if err == nil {
		w.keep()
	}
	return err
}

// summary encodes the summary, which stands at start, and the records that say where its groups
// are. There always are statistics.
func (w *Writer) summary(start uint64) (dst, offsets []byte) {
	w.stats.Channels, w.stats.Schemas = uint32(len(w.order)), uint16(len(w.schemaOrder))
	group := func(op Opcode, n int, each func(i int)) {
		from := len(dst)
		for i := range n {
			each(i)
		}
		if n > 0 {
			offsets = appendSummaryOffset(offsets, op, start+uint64(from), uint64(len(dst)-from))
		}
	}
	group(OpSchema, len(w.schemaOrder), func(i int) { dst = w.schemaOrder[i].append(dst) })
	group(OpChannel, len(w.order), func(i int) { dst = w.order[i].append(dst) })
	group(OpStatistics, 1, func(int) { dst = w.stats.append(dst) })
	group(OpChunkIndex, len(w.chunks), func(i int) { dst = w.chunks[i].append(dst) })
	group(OpAttachmentIndex, len(w.attachments), func(i int) { dst = w.attachments[i].append(dst) })
	group(OpMetadataIndex, len(w.metadata), func(i int) { dst = w.metadata[i].append(dst) })
	return dst, offsets
}

// SummarySize is about how much larger the file will be once it is closed.
func (w *Writer) SummarySize() int64 {
	const channel, chunk, fixed = 256, 128, 4096 // bytes, more than usual
	return int64(len(w.order)*channel + len(w.chunks)*chunk + fixed)
}
