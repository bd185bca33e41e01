// Package mcap reads and writes MCAP files (https://mcap.dev/spec): it knows records, chunks and
// indexes, and nothing of envelopes. A file is
//
//	magic  header  data section  data end  summary  summary offsets  footer  magic
//
// and consists of records, from the header to the footer:
//
//	offset  size  meaning
//	0       1     opcode
//	1       8     length of the content; all numbers are little-endian
//	9       n     content
//
// A writer puts messages into chunks. Before a chunk stand the schemas and channels that it is the
// first one to need, behind it stands an index of its messages for each channel. So every chunk
// can be read alone, or left out, and what was written before a crash can be read without the end
// of the file.
//
//	record.go   the records, and how they are encoded
//	decode.go   how they are decoded
//	chunk.go    Builder collects messages, Chunk is a finished chunk
//	writer.go   Writer writes a file
//	scan.go     Scanner reads a file from its beginning to its end, or to where it breaks off
//	file.go     File opens a file by its summary, or by a scan if it has none
//	messages.go Messages gives what is in several files, by time
//	recover.go  Recover writes a whole file of what is left of a broken one
//	check.go    Check compares everything in a file with everything else
//
// Rules: nothing that a file says about a size is believed before that many bytes are there, or
// the limit below allows them. CRCs that a file has are compared. Unknown records are skipped, as
// the specification wants. Nothing here is for more than one goroutine at a time, but for what is
// finished: a Chunk, and a File once it is open.
package mcap

import "errors"

// Magic begins and ends a file.
const Magic = "\x89MCAP0\r\n"

// Opcode says what a record is.
type Opcode byte

// The opcodes of the specification.
const (
	OpHeader Opcode = iota + 1
	OpFooter
	OpSchema
	OpChannel
	OpMessage
	OpChunk
	OpMessageIndex
	OpChunkIndex
	OpAttachment
	OpAttachmentIndex
	OpStatistics
	OpMetadata
	OpMetadataIndex
	OpSummaryOffset
	OpDataEnd
)

const (
	prefixSize = 9 // of a record: opcode and length
	footerSize = 8 + 8 + 4

	// mostRecord bounds one record of a file, and mostChunk what a chunk is once it is decompressed.
	mostRecord = 1 << 30
	mostChunk  = 1 << 30
)

// Errors that a caller may want to tell apart.
var (
	ErrNotMCAP     = errors.New("not an MCAP file: it does not begin with the magic bytes")
	ErrTruncated   = errors.New("the file ends within a record")
	ErrCRC         = errors.New("the checksum is wrong")
	ErrCompression = errors.New("unknown compression")
)

// Compressions of chunks.
const (
	None = ""
	Zstd = "zstd"
)
