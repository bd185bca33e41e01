package mcap

import (
	"container/heap"
	"fmt"
	"iter"
	"slices"
)

// mostHeld bounds the chunks that are in memory at once because their times overlap. A test changes it.
var mostHeld = 2 * mostChunk

// Found is a message that was read, with its channel. Its data may be kept, and must not be
// written to.
type Found struct {
	Message
	Channel *Channel
	File    *File
}

// Query says which messages are wanted. The zero value wants all.
type Query struct {
	From, To uint64              // log times; To is the first that is not wanted, 0 is no limit
	Want     func(*Channel) bool // nil: all channels
	// AsWritten gives the messages in the order in which they stand in the files.
	AsWritten bool
}

func (q *Query) within(start, end uint64) bool {
	return end >= q.From && (q.To == 0 || start < q.To)
}

// source is a chunk that may have messages that are wanted.
type source struct {
	file *File
	ChunkIndex
}

// Messages gives the messages of files in the order of their log times; those of the same time in
// the order of the files, and as they were written. After an error nothing more comes.
func Messages(files []*File, q Query) iter.Seq2[Found, error] {
	if q.AsWritten {
		return asWritten(files, q)
	}
	return func(yield func(Found, error) bool) {
		var waiting []source
		for _, f := range files {
			for _, x := range f.Chunks {
				if q.within(x.Start, x.End) {
					waiting = append(waiting, source{f, x})
				}
			}
		}
		slices.SortStableFunc(waiting, func(a, b source) int {
			return compare(a.Start, b.Start)
		})
		var open queues
		held := 0 // bytes of the chunks in open
		for number := 0; len(waiting) > 0 || len(open) > 0; {
			if len(open) == 0 || len(waiting) > 0 && waiting[0].Start <= open[0].messages[0].LogTime {
				messages, size, err := waiting[0].read(&q)
				if held += size; err == nil && held > mostHeld {
					err = fmt.Errorf("%s: more than %d bytes of chunks have messages of the same time: they do not fit into memory", waiting[0].file.Name, mostHeld)
				}
				if err != nil {
					yield(Found{}, err)
					return
				}
				if len(messages) > 0 {
					heap.Push(&open, messageQueue{number, size, messages})
				} else {
					held -= size
				}
				number++
				waiting = waiting[1:]
				continue
			}
			first := open[0].messages[0]
			if open[0].messages = open[0].messages[1:]; len(open[0].messages) == 0 {
				held -= heap.Pop(&open).(messageQueue).size
			} else {
				heap.Fix(&open, 0)
			}
			if !yield(first, nil) {
				return
			}
		}
	}
}

// asWritten is Messages for that order.
func asWritten(files []*File, q Query) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		for _, f := range files {
			for _, x := range f.Chunks {
				if !q.within(x.Start, x.End) {
					continue
				}
				messages, _, err := (&source{f, x}).read(&q)
				if err != nil {
					yield(Found{}, err)
					return
				}
				for _, m := range messages {
					if !yield(m, nil) {
						return
					}
				}
			}
		}
	}
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// messageQueue is what is left of a chunk, by time.
type messageQueue struct {
	number   int // of the chunk
	size     int // of all its records, which the messages keep in memory
	messages []Found
}

// queues is a heap of them: the one with the oldest message is first.
type queues []messageQueue

func (q queues) Len() int { return len(q) }
func (q queues) Less(i, j int) bool {
	a, b := q[i].messages[0].LogTime, q[j].messages[0].LogTime
	return a < b || a == b && q[i].number < q[j].number
}
func (q queues) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queues) Push(x any)   { *q = append(*q, x.(messageQueue)) }
func (q *queues) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// read reads what is wanted of a chunk. size is that of all its records.
func (s *source) read(q *Query) (out []Found, size int, err error) {
	records, err := s.file.chunkRecords(&s.ChunkIndex)
	if err != nil {
		return nil, 0, err
	}
	sorted := true
	wanted := map[uint16]bool{}
	for rest := records; len(rest) > 0; {
		var op Opcode
		var content []byte
		if op, content, rest, err = nextRecord(rest); err != nil {
			return nil, 0, fmt.Errorf("%s: the chunk at offset %d: %w", s.file.Name, s.Offset, err)
		}
		if op != OpMessage {
			continue
		}
		m, err := parseMessage(content)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: the chunk at offset %d: %w", s.file.Name, s.Offset, err)
		}
		c := s.file.Channels[m.Channel]
		if c == nil {
			return nil, 0, fmt.Errorf("%s: a message is of channel %d, which does not exist", s.file.Name, m.Channel)
		}
		want, known := wanted[m.Channel]
		if !known {
			want = q.Want == nil || q.Want(c)
			wanted[m.Channel] = want
		}
		if !want || !q.within(m.LogTime, m.LogTime) {
			continue
		}
		sorted = sorted && (len(out) == 0 || out[len(out)-1].LogTime <= m.LogTime)
		out = append(out, Found{m, c, s.file})
	}
	if !sorted && !q.AsWritten {
		slices.SortStableFunc(out, func(a, b Found) int { return compare(a.LogTime, b.LogTime) })
	}
	return out, len(records), nil
}

// chunkRecords reads a chunk, and decompresses it.
func (f *File) chunkRecords(x *ChunkIndex) ([]byte, error) {
	if x.Compression == loose {
		room := make([]byte, x.Length)
		if _, err := f.in.ReadAt(room, int64(x.Offset)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		return room, nil
	}
	content, err := f.record(x.Offset, x.Length, OpChunk)
	if err != nil {
		return nil, err
	}
	head, packed, err := parseChunk(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	records, err := head.unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: offset %d: %w", f.Name, x.Offset, err)
	}
	return records, nil
}
