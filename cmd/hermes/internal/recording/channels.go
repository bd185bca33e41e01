package recording

import (
	"encoding/json"
	"strconv"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// mostChannels is how many channels a file may have, of 65,536; streams beyond it share one.
const mostChannels = 60_000

// mostSchemas bounds the schemas of a file.
const mostSchemas = 1000

// mostText is how many bytes the topics and origins of all channels of a file have, and its schemas as many: what
// is declared stays in memory until the file is closed. Streams beyond it share a channel, and have no schema.
const mostText = 32 << 20

// channelOf is a channel of a stream, and how many messages it has had.
type channelOf struct {
	id   uint16
	seen uint32
}

// channels gives each stream its channel. What is new since the last chunk is in news.
type channels struct {
	streams map[string]*channelOf // by topic and origin as frames, form and run
	schemas map[string]uint16
	lost    *channelOf
	shared  *channelOf
	next    int
	names   int // bytes of topics and origins
	texts   int // bytes of schemas
	news    news
	key     []byte
}

// news are channels and schemas that the output does not know yet.
type news struct {
	channels []*mcap.Channel
	schemas  []*mcap.Schema
}

func newChannels() *channels {
	return &channels{streams: map[string]*channelOf{}, schemas: map[string]uint16{}, next: 1}
}

// declare makes a channel.
func (c *channels) declare(make func(id uint16) *mcap.Channel) *channelOf {
	id := uint16(c.next)
	c.next++
	c.news.channels = append(c.news.channels, make(id))
	return &channelOf{id: id}
}

// schema gives the number of a schema; nil has none.
func (c *channels) schema(name string, text []byte) uint16 {
	if text == nil {
		return 0
	}
	if id, known := c.schemas[string(text)]; known {
		return id
	}
	if len(c.schemas) >= mostSchemas || c.texts+len(text) > mostText {
		return 0
	}
	c.texts += len(text)
	id := uint16(len(c.schemas) + 1)
	c.schemas[string(text)] = id
	c.news.schemas = append(c.news.schemas, &mcap.Schema{ID: id, Name: name, Encoding: "jsonschema", Data: text})
	return id
}

// of gives the channel of an envelope, or nil where there is no number left for it.
func (c *channels) of(f *Frames, names []byte, run uint16, numbered bool, form string) *channelOf {
	kind := byte('n')
	if numbered {
		kind = 'r'
	}
	c.key = append(c.key[:0], names...)
	c.key = append(c.key, kind, form[1], byte(run>>8), byte(run))
	if known := c.streams[string(c.key)]; known != nil {
		return known
	}
	if c.next >= mostChannels || c.names+len(names) > mostText {
		return nil
	}
	c.names += len(names)
	s := stream{kind: kindEnvelope, topic: string(wire.Text(f.Topic, nil)), origin: string(wire.Text(f.Origin, nil)),
		frames: Frames{Topic: f.Topic, Origin: f.Origin}, run: run, numbered: numbered, form: form}
	made := c.declare(func(id uint16) *mcap.Channel { return s.channel(id, c.schema(s.topic, schemaOf(f.Data))) })
	c.streams[string(c.key)] = made
	return made
}

// losses is the channel of loss records.
func (c *channels) losses() *channelOf {
	if c.lost == nil {
		c.lost = c.declare(func(id uint16) *mcap.Channel {
			return &mcap.Channel{ID: id, SchemaID: c.schema("Loss", []byte(lossSchema)), Topic: topicLost, Encoding: encodingJSON,
				Metadata: map[string]string{keyKind: kindLost}}
		})
	}
	return c.lost
}

// rest is the channel of streams for which no number is left.
func (c *channels) rest() *channelOf {
	if c.shared == nil {
		c.shared = c.declare(func(id uint16) *mcap.Channel {
			return &mcap.Channel{ID: id, Topic: topicFrames, Encoding: encodingFrames, Metadata: map[string]string{keyKind: kindFrames}}
		})
	}
	return c.shared
}

// takeNews gives what the output does not know yet.
func (c *channels) takeNews() news {
	n := c.news
	c.news = news{}
	return n
}

// packer makes messages of envelopes.
type packer struct {
	channels *channels
	room     []byte
	stamp    [wire.TimeSize]byte // the last time, and
	micros   int64               // its value
}

// envelope makes the message of an envelope, whose data are void at the next call. message is all of
// it, in ZMTP framing, names its first two frames.
func (p *packer) envelope(f *Frames, message, names []byte, logTime uint64) mcap.Message {
	m := mcap.Message{LogTime: logTime, PublishTime: logTime, Data: f.Data}
	micros, seq, numbered, ok := p.stampOf(f.Time)
	form := formStamp
	if !ok {
		form = formSpace
		if ts, _, _, _ := wire.ParseTime(f.Time); ts > 0 && ts < 1<<33 {
			m.PublishTime = uint64(ts*1e6) * 1000
		}
		seq, _ = wire.SequenceOf(message)
		numbered = wire.IncarnationOf(message) != 0
	} else {
		m.PublishTime = uint64(micros) * 1000
	}
	c := p.channels.of(f, names, seq.Incarnation, numbered && ok, form)
	switch {
	case c == nil:
		c = p.channels.rest()
		m.Data, m.Sequence = message, c.seen
	case !ok:
		p.room = appendHidden(p.room[:0], f.Data, f.Time)
		m.Data, m.Sequence = p.room, c.seen
	case numbered:
		m.Sequence = seq.Number
	default:
		m.Sequence = c.seen
	}
	c.seen++
	m.Channel = c.id
	return m
}

// stampOf is the function of that name; times that are equal to the last one are not parsed again.
func (p *packer) stampOf(frame []byte) (micros int64, seq wire.Sequence, numbered, ok bool) {
	if len(frame) == stampSize && p.stamp == [wire.TimeSize]byte(frame) {
		if seq, ok = wire.SequenceOf(frame); ok {
			return p.micros, seq, true, true
		}
	}
	micros, seq, numbered, ok = stampOf(frame)
	if ok {
		p.stamp, p.micros = [wire.TimeSize]byte(frame), micros
	}
	return micros, seq, numbered, ok
}

// loss makes a loss record; its data are void at the next call.
func (p *packer) loss(f *Frames, seq wire.Sequence, lost uint32, logTime uint64) mcap.Message {
	l := Loss{Topic: string(wire.Text(f.Topic, nil)), Origin: string(wire.Text(f.Origin, nil)), Run: seq.Incarnation, Number: seq.Number,
		Lost: lost, Frames: [2]string{string(f.Topic), string(f.Origin)}}
	text, err := json.Marshal(l)
	if err != nil { // numbers and texts only
		text = []byte(`{"lost":` + strconv.FormatUint(uint64(lost), 10) + `}`)
	}
	c := p.channels.losses()
	c.seen++
	return mcap.Message{Channel: c.id, Sequence: c.seen - 1, LogTime: logTime, PublishTime: logTime, Data: text}
}
