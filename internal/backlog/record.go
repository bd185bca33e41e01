package backlog

import (
	"encoding/binary"
	"hash/crc32"
)

// A record is one message in a segment file; numbers are little-endian:
//
//	offset  size  meaning
//	0       4     CRC-32C of the run of the segment (8 bytes) and of all that follows in the record
//	4       4     length of the message, at most maxBody
//	8       8     index
//	16      n     message
//
// Records follow each other without gaps, and their indexes grow by one.
const (
	recordHeader = 16
	maxBody      = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seedOf is where the checksums of a run begin.
func seedOf(run uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, run), castagnoli)
}

// putHeader writes the header of a record, whose message is in place.
func putHeader(record []byte, seed uint32, index uint64) {
	binary.LittleEndian.PutUint32(record[4:], uint32(len(record)-recordHeader))
	binary.LittleEndian.PutUint64(record[8:], index)
	binary.LittleEndian.PutUint32(record, crc32.Update(seed, castagnoli, record[4:]))
}

// parseRecord reads the record at the beginning of p. whole is false where p ends before the
// record does, by what its length says; valid where the checksum is right.
func parseRecord(p []byte, seed uint32) (index uint64, body []byte, size int, whole, valid bool) {
	if len(p) < recordHeader {
		return 0, nil, recordHeader, false, false
	}
	n := binary.LittleEndian.Uint32(p[4:])
	if n > maxBody {
		return 0, nil, recordHeader, true, false
	}
	size = recordHeader + int(n)
	if len(p) < size {
		return 0, nil, size, false, false
	}
	valid = crc32.Update(seed, castagnoli, p[4:size]) == binary.LittleEndian.Uint32(p)
	return binary.LittleEndian.Uint64(p[8:]), p[recordHeader:size:size], size, true, valid
}

// findRecord is the offset of the next valid record in p, whose index is least or more, and
// that index. ok is false where there is none. Content that looks like headers of records, many
// times, makes it give up, because each of them costs a checksum.
func findRecord(p []byte, seed uint32, least uint64) (at int, index uint64, ok bool) {
	most := least + uint64(len(p))/recordHeader
	budget := 16*len(p) + 4*maxBody
	for at = 0; at+recordHeader <= len(p) && budget > 0; at++ {
		index = binary.LittleEndian.Uint64(p[at+8:])
		if index < least || index > most {
			continue
		}
		_, _, size, _, valid := parseRecord(p[at:], seed)
		if valid {
			return at, index, true
		}
		budget -= size
	}
	return 0, 0, false
}
