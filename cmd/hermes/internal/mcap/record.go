package mcap

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Header is the first record of a file.
type Header struct{ Profile, Library string }

// Schema describes the messages of a channel. ID is not 0.
type Schema struct {
	ID             uint16
	Name, Encoding string
	Data           []byte
}

// Channel is a stream of messages. A SchemaID of 0 is none.
type Channel struct {
	ID, SchemaID    uint16
	Topic, Encoding string
	Metadata        map[string]string
}

// Message is one message of a channel. Times are nanoseconds since 1970.
type Message struct {
	Channel              uint16
	Sequence             uint32
	LogTime, PublishTime uint64
	Data                 []byte
}

// messageHead is the size of a message record without its data.
const messageHead = prefixSize + 2 + 4 + 8 + 8

// Metadata is a named set of keys and values.
type Metadata struct {
	Name   string
	Values map[string]string
}

// Attachment is a file within the file.
type Attachment struct {
	LogTime, CreateTime uint64
	Name, MediaType     string
	Data                []byte
}

// ChunkIndex says where a chunk is.
type ChunkIndex struct {
	Start, End                       uint64 // log times of the first and the last of its messages
	Offset, Length                   uint64 // of the chunk record, in the file
	Indexes                          map[uint16]uint64
	IndexLength                      uint64 // of all records of Indexes together
	Compression                      string
	CompressedSize, UncompressedSize uint64
}

// AttachmentIndex says where an attachment is.
type AttachmentIndex struct {
	Offset, Length      uint64
	LogTime, CreateTime uint64
	Size                uint64
	Name, MediaType     string
}

// MetadataIndex says where metadata are.
type MetadataIndex struct {
	Offset, Length uint64
	Name           string
}

// Statistics are the counts of a file.
type Statistics struct {
	Messages      uint64
	Schemas       uint16
	Channels      uint32
	Attachments   uint32
	Metadata      uint32
	Chunks        uint32
	Start, End    uint64 // log times
	ChannelCounts map[uint16]uint64
}

// Footer is the last record of a file.
type Footer struct {
	SummaryStart, SummaryOffsetStart uint64
	SummaryCRC                       uint32
}

var le = binary.LittleEndian

// begin begins a record; end, which is told where it began, fills in its length.
func begin(dst []byte, op Opcode) (out []byte, at int) {
	return append(dst, byte(op), 0, 0, 0, 0, 0, 0, 0, 0), len(dst)
}

func end(dst []byte, at int) []byte {
	le.PutUint64(dst[at+1:], uint64(len(dst)-at-prefixSize))
	return dst
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(le.AppendUint32(dst, uint32(len(text))), text...)
}

// appendTexts appends a map, in the order of its keys: equal maps give equal bytes.
func appendTexts(dst []byte, m map[string]string) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		dst = appendText(appendText(dst, key), m[key])
	}
	le.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendNumbers(dst []byte, m map[uint16]uint64) []byte {
	dst = le.AppendUint32(dst, uint32(len(m)*(2+8)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		dst = le.AppendUint64(le.AppendUint16(dst, key), m[key])
	}
	return dst
}

func (h Header) append(dst []byte) []byte {
	dst, at := begin(dst, OpHeader)
	return end(appendText(appendText(dst, h.Profile), h.Library), at)
}

func (s *Schema) append(dst []byte) []byte {
	dst, at := begin(dst, OpSchema)
	dst = appendText(appendText(le.AppendUint16(dst, s.ID), s.Name), s.Encoding)
	return end(appendText(dst, s.Data), at)
}

func (c *Channel) append(dst []byte) []byte {
	dst, at := begin(dst, OpChannel)
	dst = le.AppendUint16(le.AppendUint16(dst, c.ID), c.SchemaID)
	return end(appendTexts(appendText(appendText(dst, c.Topic), c.Encoding), c.Metadata), at)
}

func (m *Message) append(dst []byte) []byte {
	var head [messageHead]byte
	head[0] = byte(OpMessage)
	le.PutUint64(head[1:], uint64(messageHead-prefixSize+len(m.Data)))
	le.PutUint16(head[9:], m.Channel)
	le.PutUint32(head[11:], m.Sequence)
	le.PutUint64(head[15:], m.LogTime)
	le.PutUint64(head[23:], m.PublishTime)
	return append(append(dst, head[:]...), m.Data...)
}

func (m *Metadata) append(dst []byte) []byte {
	dst, at := begin(dst, OpMetadata)
	return end(appendTexts(appendText(dst, m.Name), m.Values), at)
}

func (a *Attachment) append(dst []byte) []byte {
	dst, at := begin(dst, OpAttachment)
	dst = le.AppendUint64(le.AppendUint64(dst, a.LogTime), a.CreateTime)
	dst = appendText(appendText(dst, a.Name), a.MediaType)
	dst = append(le.AppendUint64(dst, uint64(len(a.Data))), a.Data...)
	return end(le.AppendUint32(dst, checksum(dst[at+prefixSize:])), at)
}

func (x *ChunkIndex) append(dst []byte) []byte {
	dst, at := begin(dst, OpChunkIndex)
	for _, n := range [...]uint64{x.Start, x.End, x.Offset, x.Length} {
		dst = le.AppendUint64(dst, n)
	}
	dst = le.AppendUint64(appendNumbers(dst, x.Indexes), x.IndexLength)
	dst = appendText(dst, x.Compression)
	return end(le.AppendUint64(le.AppendUint64(dst, x.CompressedSize), x.UncompressedSize), at)
}

func (x *AttachmentIndex) append(dst []byte) []byte {
	dst, at := begin(dst, OpAttachmentIndex)
	for _, n := range [...]uint64{x.Offset, x.Length, x.LogTime, x.CreateTime, x.Size} {
		dst = le.AppendUint64(dst, n)
	}
	return end(appendText(appendText(dst, x.Name), x.MediaType), at)
}

func (x *MetadataIndex) append(dst []byte) []byte {
	dst, at := begin(dst, OpMetadataIndex)
	return end(appendText(le.AppendUint64(le.AppendUint64(dst, x.Offset), x.Length), x.Name), at)
}

func (s *Statistics) append(dst []byte) []byte {
	dst, at := begin(dst, OpStatistics)
	dst = le.AppendUint16(le.AppendUint64(dst, s.Messages), s.Schemas)
	for _, n := range [...]uint32{s.Channels, s.Attachments, s.Metadata, s.Chunks} {
		dst = le.AppendUint32(dst, n)
	}
	dst = le.AppendUint64(le.AppendUint64(dst, s.Start), s.End)
	return end(appendNumbers(dst, s.ChannelCounts), at)
}

func appendSummaryOffset(dst []byte, group Opcode, start, length uint64) []byte {
	dst, at := begin(dst, OpSummaryOffset)
	return end(le.AppendUint64(le.AppendUint64(append(dst, byte(group)), start), length), at)
}

// noteTime takes in the log time of one more message: n is how many there were before.
func noteTime(first, last *uint64, n, t uint64) {
	if n == 0 || t < *first {
		*first = t
	}
	if n == 0 || t > *last {
		*last = t
	}
}
