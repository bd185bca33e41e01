package mcap

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Chunk is a finished chunk: it is not changed any more, and may be written to several files.
type Chunk struct {
	head     chunkHead
	records  []byte // compressed
	indexes  []channelIndex
	messages uint64
}

// channelIndex is where the messages of a channel are in a chunk: entries are those of its
// message index record.
type channelIndex struct {
	channel uint16
	entries []byte
}

const entrySize = 8 + 8 // of an index: log time and offset

// Times are the log times of the first and of the last message.
func (c *Chunk) Times() (start, end uint64) { return c.head.start, c.head.end }

// Messages is their number.
func (c *Chunk) Messages() uint64 { return c.messages }

// Size is how much memory the chunk takes, and about how much of a file.
func (c *Chunk) Size() int {
	return prefixSize + len(c.records) + int(c.messages)*entrySize + len(c.indexes)*(prefixSize+2+4)
}

// Builder collects messages for a chunk.
type Builder struct {
	records    []byte
	indexes    []channelIndex
	at         []int32 // for each channel, one more than where it stands in indexes
	messages   uint64
	start, end uint64
	spare      [][]byte
}

// Add adds a message, and copies its data.
func (b *Builder) Add(m *Message) {
	b.note(m, len(b.records))
	b.records = m.append(b.records)
}

// note takes a message that stands at an offset into the index.
func (b *Builder) note(m *Message, at int) {
	noteTime(&b.start, &b.end, b.messages, m.LogTime)
	x := b.index(m.Channel)
	x.entries = le.AppendUint64(le.AppendUint64(x.entries, m.LogTime), uint64(at))
	b.messages++
}

func (b *Builder) index(channel uint16) *channelIndex {
	if int(channel) >= len(b.at) {
		b.at = slices.Grow(b.at, int(channel)+1-len(b.at))[:int(channel)+1]
	}
	if b.at[channel] == 0 {
		var room []byte
		if n := len(b.spare); n > 0 {
			room, b.spare = b.spare[n-1][:0], b.spare[:n-1]
		}
		b.indexes = append(b.indexes, channelIndex{channel, room})
		b.at[channel] = int32(len(b.indexes))
	}
	return &b.indexes[b.at[channel]-1]
}

// Size is the size of what was added; Messages is its number.
func (b *Builder) Size() int { return len(b.records) }

// Messages is the number of messages that were added.
func (b *Builder) Messages() uint64 { return b.messages }

// reset empties it, and keeps its memory.
func (b *Builder) reset() {
	for i := range b.indexes {
		b.at[b.indexes[i].channel] = 0
		b.spare = append(b.spare, b.indexes[i].entries)
	}
	*b = Builder{records: b.records[:0], indexes: b.indexes[:0], at: b.at, spare: b.spare}
}

// encoder compresses; it is for several goroutines, as EncodeAll is.
var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
})

// Finish makes a chunk of what was added, and empties the builder.
func (b *Builder) Finish(compression string) (*Chunk, error) {
	defer b.reset()
	c := &Chunk{messages: b.messages}
	c.head = chunkHead{b.start, b.end, uint64(len(b.records)), checksum(b.records), compression}
	switch compression {
	case None:
		c.records = append([]byte(nil), b.records...)
	case Zstd:
		e, err := encoder()
		if err != nil {
			return nil, err
		}
		packed := e.EncodeAll(b.records, make([]byte, 0, len(b.records)/4))
		c.records = append(make([]byte, 0, len(packed)), packed...)
	default:
		return nil, fmt.Errorf("%w %q: it is zstd, or none", ErrCompression, compression)
	}
	c.indexes = b.sorted()
	return c, nil
}

// sorted is a copy of the indexes, by channel.
func (b *Builder) sorted() []channelIndex {
	out := make([]channelIndex, len(b.indexes))
	all := make([]byte, 0, int(b.messages)*entrySize)
	for i, x := range b.indexes {
		from := len(all)
		all = append(all, x.entries...)
		out[i] = channelIndex{x.channel, all[from:len(all):len(all)]}
	}
	slices.SortFunc(out, func(a, b channelIndex) int { return int(a.channel) - int(b.channel) })
	return out
}

// appendHead appends the chunk record as far as its compressed records, which follow.
func (c *Chunk) appendHead(dst []byte) []byte {
	dst, at := begin(dst, OpChunk)
	dst = le.AppendUint64(le.AppendUint64(le.AppendUint64(dst, c.head.start), c.head.end), c.head.size)
	dst = appendText(le.AppendUint32(dst, c.head.crc), c.head.compression)
	dst = le.AppendUint64(dst, uint64(len(c.records)))
	le.PutUint64(dst[at+1:], uint64(len(dst)-at-prefixSize+len(c.records)))
	return dst
}

// appendIndexes appends the message index records, and gives the offset of each, as if the first
// one stood at offset.
func (c *Chunk) appendIndexes(dst []byte, offset uint64) ([]byte, map[uint16]uint64) {
	begin0 := len(dst)
	offsets := make(map[uint16]uint64, len(c.indexes))
	for _, x := range c.indexes {
		offsets[x.channel] = offset + uint64(len(dst)-begin0)
		out, at := begin(dst, OpMessageIndex)
		dst = end(appendText(le.AppendUint16(out, x.channel), x.entries), at)
	}
	return dst, offsets
}

// decoder decompresses; it is for several goroutines.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostChunk))
})

// unpack decompresses the records of a chunk, and compares size and checksum. What is not
// compressed is a view.
func (h *chunkHead) unpack(records []byte) ([]byte, error) {
	if h.size > mostChunk {
		return nil, fmt.Errorf("a chunk of %d bytes is larger than the limit of %d", h.size, mostChunk)
	}
	switch h.compression {
	case None:
	case Zstd:
		d, err := decoder()
		if err != nil {
			return nil, err
		}
		// The size is not believed: memory grows with what there is.
		if records, err = d.DecodeAll(records, make([]byte, 0, min(h.size, uint64(len(records))*8))); err != nil {
			return nil, fmt.Errorf("the chunk cannot be decompressed: %w", err)
		}
	default:
		return nil, fmt.Errorf("%w %q of a chunk: hermes reads zstd, and what is not compressed; convert the file with the tool mcap", ErrCompression, h.compression)
	}
	if uint64(len(records)) != h.size {
		return nil, fmt.Errorf("the chunk has %d bytes and says that it has %d", len(records), h.size)
	}
	if h.crc != 0 && h.crc != checksum(records) {
		return nil, fmt.Errorf("chunk: %w", ErrCRC)
	}
	return records, nil
}
