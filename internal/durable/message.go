package durable

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// A message in a stream is one message of hermes, as it is framed in a batch, with two headers:
//
//	Nats-Msg-Id   "e" and, in base64 without padding, the first 16 bytes of the SHA-256 of topic
//	              and origin as frames, the run (2 bytes) and the number (4 bytes)
//	              "b", 16 digits of the run of the backlog, "-", index in it, in hexadecimal:
//	              for what is no envelope with a number
//	Hermes-Site   the name of the site that sent it, as token writes it
//
// So one envelope has one id, whichever site sends it, and however often.
const (
	headerID   = "Nats-Msg-Id"
	headerSite = "Hermes-Site"
)

const digestSize = 16

// appendID appends the Nats-Msg-Id of a record.
func appendID(dst []byte, rec *backlog.Record) []byte {
	seq, ok := sequenceOf(rec.Body)
	if !ok {
		return appendPlaceID(dst, rec.Run, rec.Index)
	}
	names, _ := wire.NamesOf(rec.Body)
	sum := sha256.Sum256(names)
	id := binary.BigEndian.AppendUint16(sum[:digestSize:digestSize], seq.Incarnation)
	id = binary.BigEndian.AppendUint32(id, seq.Number)
	return base64.RawURLEncoding.AppendEncode(append(dst, 'e'), id)
}

// sequenceOf is run and number of an envelope. ok is false for what has none, and for what is no
// envelope, which may end like one. The data are not looked at.
func sequenceOf(msg []byte) (seq wire.Sequence, ok bool) {
	if _, ok = wire.TimeAt(msg); !ok {
		return seq, false
	}
	if seq, ok = wire.SequenceOf(msg); ok {
		return seq, true
	}
	var p wire.Parts
	err := p.Split(msg, new(wire.StreamMemo)) // it may come from a cache
	return p.Sequence, err == nil && p.Numbered
}

// appendPlaceID appends the id of a record by its place in the backlog.
func appendPlaceID(dst []byte, run, index uint64) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, 'b')
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[run>>shift&15])
	}
	return strconv.AppendUint(append(dst, '-'), index, 16)
}

// parsePlaceID takes such an id apart.
func parsePlaceID(id []byte) (run string, index uint64, ok bool) {
	run, rest, ok := strings.Cut(string(id), "-")
	if !ok || len(run) != 17 || run[0] != 'b' {
		return "", 0, false
	}
	index, err := strconv.ParseUint(rest, 16, 64)
	return run[1:], index, err == nil
}

// maxFrames is how many frames a message may have.
const maxFrames = 64 << 10

// wellFormed reports whether data is exactly one message, as a peer may be sent it: without commands,
// and without flags that ZMTP does not know.
func wellFormed(data []byte) bool {
	for range maxFrames {
		_, rest, more, ok := batch.NextFrame(data)
		if !ok || data[0]&^(batch.FlagMore|batch.FlagLong) != 0 {
			return false
		}
		if !more {
			return len(rest) == 0
		}
		data = rest
	}
	return false
}
