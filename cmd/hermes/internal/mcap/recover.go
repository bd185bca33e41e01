package mcap

import (
	"errors"
	"fmt"
	"io"
)

// Recovered says what Recover has found.
type Recovered struct {
	Messages, Chunks uint64
	Bad              uint64 // chunks that were left out, because they are damaged
	Read             int64  // how much of the file was whole
	Why              error  // what ended it, or was wrong with the last bad chunk; nil: the file was whole
}

// Recover reads a file as far as it is whole, and writes what it finds as a file with a summary.
// A damaged chunk is left out; the file ends where a record does. The error is one of the header,
// or of the output. see is told of each message, and finish may add to the file before it is
// closed; both may be nil.
func Recover(in io.Reader, out io.Writer, see func(*Channel, *Message), finish func(*Writer) error) (*Recovered, error) {
	s, err := NewScanner(in)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.clear()
	if err := f.readHeader(s); err != nil {
		return nil, err
	}
	r := &recovery{File: f, catalog: &Catalog{f.Schemas, f.Channels}, see: see}
	if r.out, err = NewWriter(out, f.Header, r.catalog); err != nil {
		return nil, err
	}
	for {
		r.report.Read = s.Offset()
		op, content, err := s.Next()
		if err != nil {
			if r.report.Why = err; errors.Is(err, io.EOF) {
				r.report.Why = errors.New("the file has no end")
			}
			break
		}
		if op == OpDataEnd {
			r.report.Read = s.Offset()
			break
		}
		if err := r.take(op, content); err != nil {
			return nil, err
		}
	}
	if err := r.flush(); err != nil {
		return nil, err
	}
	if finish != nil {
		if err := finish(r.out); err != nil {
			return nil, err
		}
	}
	return &r.report, r.out.Close()
}

// recovery is a file that is copied.
type recovery struct {
	*File
	report  Recovered
	catalog *Catalog
	see     func(*Channel, *Message)
	out     *Writer
	loose   Builder // messages that were in no chunk
}

// take copies a record. An error is one of the output.
func (r *recovery) take(op Opcode, content []byte) error {
	switch op {
	case OpSchema, OpChannel:
		if err := r.declare(op, content); err != nil {
			r.damaged(err)
		}
	case OpMessage:
		m, err := parseMessage(content)
		if err == nil && r.Channels[m.Channel] == nil {
			err = fmt.Errorf("a message is of channel %d, which does not exist", m.Channel)
		}
		if err != nil {
			r.damaged(err)
			return nil
		}
		r.tell(&m)
		if r.loose.Add(&m); r.loose.Size() >= mostLoose {
			return r.flush()
		}
	case OpChunk:
		c, err := r.rebuild(content)
		if err != nil {
			r.damaged(err)
			return nil
		}
		return r.chunk(c)
	case OpMetadata:
		m, err := parseMetadata(content)
		if err != nil {
			r.damaged(err)
			return nil
		}
		return r.out.Metadata(m)
	case OpAttachment:
		a, err := parseAttachment(content)
		if err != nil {
			r.damaged(err)
			return nil
		}
		return r.out.Attachment(a)
	}
	return nil
}

func (r *recovery) tell(m *Message) {
	if r.see != nil {
		r.see(r.Channels[m.Channel], m)
	}
}

func (r *recovery) damaged(err error) {
	r.report.Bad++
	r.report.Why = err
}

func (r *recovery) chunk(c *Chunk) error {
	if err := r.out.Chunk(c); err != nil {
		return err
	}
	r.report.Chunks++
	r.report.Messages += c.messages
	return nil
}

// flush writes the messages that were in no chunk.
func (r *recovery) flush() error {
	if r.loose.Messages() == 0 {
		return nil
	}
	c, err := r.loose.Finish(Zstd)
	if err != nil {
		return err
	}
	return r.chunk(c)
}

// rebuild makes a Chunk of a chunk record, with indexes of its own.
func (r *recovery) rebuild(content []byte) (*Chunk, error) {
	head, packed, err := parseChunk(content)
	if err != nil {
		return nil, err
	}
	records, err := head.unpack(packed)
	if err != nil {
		return nil, err
	}
	var b Builder // for its indexes
	var messages []Message
	for rest := records; len(rest) > 0; {
		at := len(records) - len(rest)
		var op Opcode
		var inner []byte
		if op, inner, rest, err = nextRecord(rest); err != nil {
			return nil, err
		}
		switch op {
		case OpSchema, OpChannel:
			err = r.declare(op, inner)
		case OpMessage:
			var m Message
			if m, err = parseMessage(inner); err == nil && r.Channels[m.Channel] == nil {
				err = fmt.Errorf("a message is of channel %d, which does not exist", m.Channel)
			}
			if err == nil {
				b.note(&m, at)
				messages = append(messages, m)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range messages {
		r.tell(&messages[i])
	}
	head.start, head.end, head.crc = b.start, b.end, checksum(records)
	return &Chunk{head: head, records: append([]byte(nil), packed...), indexes: b.sorted(), messages: b.messages}, nil
}
