package recording

import (
	"encoding/json"
	"strconv"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

// Loss is a message of the channel $hermes/lost: so many envelopes are missing before the one
// with a number, which follows. It is told where it was noticed, so it may be followed by
// envelopes of other streams.
type Loss struct {
	Topic  string `json:"topic"`
	Origin string `json:"origin"`
	Run    uint16 `json:"run"`
	Number uint32 `json:"number"` // of the envelope behind the gap
	Lost   uint32 `json:"lost"`

	Frames [2]string `json:"frames"` // of topic and origin, as on the wire
}

const lossSchema = `{"type":"object","properties":{"topic":{"type":"string"},"origin":{"type":"string"},` +
	`"run":{"type":"number"},"number":{"type":"number"},"lost":{"type":"number"},` +
	`"frames":{"type":"array","items":{"type":"string"}}}}`

// booksName is the name of the metadata with the books.
const booksName = "hermes.books"

// Books account for a file: what was recorded in it, and what the receiver had counted when it
// was closed. Over all files of a recording that was ended, the sum of Envelopes and of what is
// missing is what the receiver has delivered.
type Books struct {
	Recording string // the same for all files of a recording
	File      int    // from 1 on
	Final     bool   // it is the last one, and the receiver had stopped

	Envelopes uint64 // in this file
	Lost      uint64 // the sum of the loss records in this file

	// Of all files so far:
	Written   uint64 // envelopes
	Unwritten uint64 // envelopes that were received and not recorded, because the output had failed
	Evicted   uint64 // envelopes that have left the ring
	Deleted   uint64 // files that the quota has deleted
	AfterEnd  uint64 // envelopes that came when the recording had as many as it was to have

	Recovered bool // the file was recovered, and the numbers are those of what is in it

	Receiver json.RawMessage // its counters, over all files so far; nil if they are not known
}

func (b *Books) metadata() mcap.Metadata {
	values := map[string]string{"recording": b.Recording, "file": strconv.Itoa(b.File),
		"final": strconv.FormatBool(b.Final), "recovered": strconv.FormatBool(b.Recovered)}
	for key, n := range b.numbers() {
		values[key] = strconv.FormatUint(*n, 10)
	}
	if b.Receiver != nil {
		values["receiver"] = string(b.Receiver)
	}
	return mcap.Metadata{Name: booksName, Values: values}
}

func (b *Books) numbers() map[string]*uint64 {
	return map[string]*uint64{"envelopes": &b.Envelopes, "lost": &b.Lost, "written": &b.Written, "unwritten": &b.Unwritten,
		"evicted": &b.Evicted, "deleted": &b.Deleted, "after_end": &b.AfterEnd}
}

// booksOf reads the books of a file; ok is false where it has none.
func booksOf(f *mcap.File) (b Books, ok bool) {
	for _, x := range f.Metadata {
		if x.Name != booksName {
			continue
		}
		m, err := f.MetadataAt(x)
		if err != nil {
			continue
		}
		b = Books{Recording: m.Values["recording"], Final: m.Values["final"] == "true", Recovered: m.Values["recovered"] == "true"}
		b.File, _ = strconv.Atoi(m.Values["file"])
		for key, n := range b.numbers() {
			*n, _ = strconv.ParseUint(m.Values[key], 10, 64)
		}
		if text := m.Values["receiver"]; json.Valid([]byte(text)) {
			b.Receiver = json.RawMessage(text)
		}
		return b, true
	}
	return b, false
}
