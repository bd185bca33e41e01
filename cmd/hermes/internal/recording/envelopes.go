package recording

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Envelope is one envelope of a file. Its frames may be kept, and must not be written to.
type Envelope struct {
	Frames
	Topic, Origin string // decoded
	LogTime       uint64 // when it arrived at the recorder, in nanoseconds since 1970
	PublishTime   uint64 // when it was sent; LogTime where the sender does not say
	Lost          uint32 // how many are missing before it, as the loss record before it says
	File          *mcap.File
}

// Filter chooses envelopes. The zero value chooses all.
type Filter struct {
	From, To uint64   // of LogTime; To is the first that is not wanted, 0 is no limit
	Topics   []string // their beginnings; none: all
	Origins  []string // none: all
}

func (f *Filter) wants(s *stream) bool {
	if s.kind == kindFrames || s.kind == kindLost {
		return true // it is in the message
	}
	return f.wantsNames(s.topic, s.origin)
}

func (f *Filter) wantsNames(topic, origin string) bool {
	return anyOf(f.Topics, func(t string) bool { return strings.HasPrefix(topic, t) }) &&
		anyOf(f.Origins, func(o string) bool { return o == origin })
}

func anyOf(all []string, right func(string) bool) bool {
	for _, one := range all {
		if right(one) {
			return true
		}
	}
	return len(all) == 0
}

// streams remembers what channels say.
type streams map[*mcap.Channel]*stream

func (s streams) of(c *mcap.Channel) *stream {
	known := s[c]
	if known == nil {
		made, ok := streamOf(c)
		if !ok {
			made.kind = ""
		}
		known = &made
		s[c] = known
	}
	return known
}

// entry is a message of a file, understood: an envelope, a loss, or neither, of another program.
type entry struct {
	*mcap.Found
	stream   *stream
	envelope bool
	frames   Frames
	loss     *Loss
}

// entries gives the messages of files.
func entries(files []*mcap.File, q mcap.Query, filter *Filter) iter.Seq2[entry, error] {
	known := streams{}
	q.From, q.To = filter.From, filter.To
	q.Want = func(c *mcap.Channel) bool { return filter.wants(known.of(c)) }
	return func(yield func(entry, error) bool) {
		for m, err := range mcap.Messages(files, q) {
			if err != nil {
				yield(entry{}, err)
				return
			}
			e := entry{Found: &m, stream: known.of(m.Channel)}
			if err := e.read(); err != nil {
				yield(entry{}, fmt.Errorf("%s: %w", m.File.Name, err))
				return
			}
			if e.unwanted(filter) {
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// unwanted is for messages that have the topic in them, and not in their channel.
func (e *entry) unwanted(filter *Filter) bool {
	if e.loss != nil {
		return !filter.wantsNames(e.loss.Topic, e.loss.Origin)
	}
	if e.stream.kind == kindFrames {
		return !filter.wantsNames(string(wire.Text(e.frames.Topic, nil)), string(wire.Text(e.frames.Origin, nil)))
	}
	return false
}

// read understands the message.
func (e *entry) read() error {
	s := e.stream
	switch s.kind {
	case kindLost:
		e.loss = new(Loss)
		return json.Unmarshal(e.Data, e.loss)
	case kindFrames:
		e.envelope = e.frames.split(e.Data)
		if !e.envelope {
			return fmt.Errorf("a message of %s is not four frames", topicFrames)
		}
		return nil
	case kindEnvelope:
		e.envelope = true
		e.frames = Frames{Topic: s.frames.Topic, Origin: s.frames.Origin, Data: e.Data}
		if s.form == formSpace {
			var ok bool
			if e.frames.Data, e.frames.Time, ok = splitHidden(e.Data); !ok {
				return fmt.Errorf("a message of %q has no time frame behind its data", s.topic)
			}
			return nil
		}
		e.frames.Time = appendStamp(nil, int64(e.PublishTime/1000), wire.Sequence{Incarnation: s.run, Number: e.Sequence}, s.numbered)
	}
	return nil
}

// Envelopes gives the envelopes of files by the time of their arrival. Channels of other programs
// that are JSON are envelopes too; others are skipped.
func Envelopes(files []*mcap.File, filter Filter) iter.Seq2[Envelope, error] {
	return func(yield func(Envelope, error) bool) {
		lost := uint32(0)
		for e, err := range entries(files, mcap.Query{}, &filter) {
			if err != nil {
				yield(Envelope{}, err)
				return
			}
			if e.loss != nil {
				lost = e.loss.Lost
				continue
			}
			if !e.envelope {
				continue
			}
			out := Envelope{Frames: e.frames, Topic: e.stream.topic, Origin: e.stream.origin, LogTime: e.LogTime, PublishTime: e.PublishTime,
				Lost: lost, File: e.File}
			if e.stream.kind == kindFrames {
				out.Topic, out.Origin = string(wire.Text(e.frames.Topic, nil)), string(wire.Text(e.frames.Origin, nil))
			}
			lost = 0
			if !yield(out, nil) {
				return
			}
		}
	}
}
