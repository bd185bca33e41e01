package sites

import (
	"encoding/binary"
	"unicode/utf8"
)

// A message that sites send each other begins with
//
//	offset  size  meaning
//	0       2     "hs"
//	2       1     version of the format: 1
//	3       1     kind
//	4       8     run of the sender
//
// and goes on as its kind says. Numbers of 8 and 4 bytes are in network byte order; a string is its length as
// an unsigned varint and its bytes; a list is the number of its strings, likewise, and these.
//
//	1 hello     info 8, version 8, digest 8, flags 1 (bit 0: answer with a beat), name of the site, list of post offices,
//	            list of the prefixes of its durable topics
//	2 beat      info 8, version 8, digest 8
//	3 delta     version 8, list of added prefixes, list of removed ones
//	4 snapshot  version 8, chunk 4, chunks 4, list of prefixes
//	5 ask       flags 1 (bit 0: for a hello, bit 1: for a snapshot)
//	6 goodbye
//
// info counts the changes of what else a hello has, from 1, version those of prefixes: a delta makes version-1 version. What a
// site wants at version 0 is nothing. digest is the sum of the hashes of all prefixes, modulo 2^64. A snapshot
// is chunks messages, numbered from 0, which are the same for all who get that version.
const (
	hello = 1 + iota
	beat
	delta
	snapshot
	ask
	goodbye
)

// Bits of flags.
const (
	answerWithBeat = 1 << 0 // hello
	askHello       = 1 << 0 // ask
	askSnapshot    = 1 << 1
)

// Bounds of one message. NATS servers accept 1 MiB, unless they are told otherwise.
const (
	fullMessage = 32 << 10 // a delta or chunk is closed here
	maxMessage  = 64 << 10 // longer ones are malformed
	maxName     = 255      // bytes of the name of a site
	maxOffice   = 40       // bytes of the name of a post office
	maxOffices  = 1024     // post offices of one site
	maxDurable  = 1024     // prefixes of durable topics of one site
	maxChunks   = 2048
	headerSize  = 12
)

// message is one that was read. Its lists are views of what was read.
type message struct {
	kind, flags           byte
	run                   uint64
	info, version, digest uint64
	chunk, chunks         uint32
	name                  string
	list, removed         list
	durable               list
}

// list is strings one behind the other, checked.
type list struct {
	n    int
	data []byte
}

// each calls f with each string, which is a view.
func (l list) each(f func([]byte)) {
	for data := l.data; len(data) > 0; {
		n, size := binary.Uvarint(data)
		data = data[size:]
		f(data[:n:n])
		data = data[n:]
	}
}

// reader reads a message. Once something is malformed, all that follows is nothing.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.data) {
		r.bad = true
		return nil
	}
	p := r.data[:n:n]
	r.data = r.data[n:]
	return p
}

func (r *reader) byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) uvarint(most int) int {
	n, size := binary.Uvarint(r.data)
	if r.bad || size <= 0 || n > uint64(most) {
		r.bad = true
		return 0
	}
	r.data = r.data[size:]
	return int(n)
}

func (r *reader) string(most int) []byte { return r.take(r.uvarint(most)) }

func (r *reader) list(strings, most int) list {
	n := r.uvarint(strings)
	from := r.data
	for range n {
		r.string(most)
		if r.bad {
			return list{}
		}
	}
	return list{n, from[:len(from)-len(r.data)]}
}

// read reads a message; ok says that it is one.
func read(data []byte) (m message, ok bool) {
	if len(data) < headerSize || len(data) > maxMessage || string(data[:3]) != "hs\x01" {
		return m, false
	}
	m.kind, m.run = data[3], binary.BigEndian.Uint64(data[4:])
	r := reader{data: data[headerSize:]}
	switch m.kind {
	case hello:
		m.info, m.version, m.digest = r.uint64(), r.uint64(), r.uint64()
		m.flags = r.byte()
		name := r.string(maxName)
		m.list = r.list(maxOffices, maxOffice)
		m.durable = r.list(maxDurable, MaxPrefix)
		m.name = string(name)
		r.bad = r.bad || !utf8.Valid(name) || m.info == 0
	case beat:
		m.info, m.version, m.digest = r.uint64(), r.uint64(), r.uint64()
		r.bad = r.bad || m.info == 0
	case delta:
		m.version = r.uint64()
		m.list, m.removed = r.list(maxMessage, MaxPrefix), r.list(maxMessage, MaxPrefix)
		r.bad = r.bad || m.version == 0
	case snapshot:
		m.version = r.uint64()
		m.chunk, m.chunks = r.uint32(), r.uint32()
		m.list = r.list(maxMessage, MaxPrefix)
		r.bad = r.bad || m.chunk >= m.chunks || m.chunks > maxChunks
	case ask:
		m.flags = r.byte()
	case goodbye:
	default:
		r.bad = true
	}
	return m, !r.bad && len(r.data) == 0
}

// begin begins a message.
func begin(kind byte, run uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'h', 's', 1, kind}, run)
}

func appendUint64s(dst []byte, all ...uint64) []byte {
	for _, n := range all {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendList(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

// fitting is how many of list have room in a message of which size bytes are used; the first one has if
// size is less than fullMessage.
func fitting(list []string, size int) (n int) {
	for n < len(list) && size < fullMessage {
		size += len(list[n]) + binary.MaxVarintLen32
		n++
	}
	return n
}
