package backbone

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
)

// queued puts one batch with a message per text, "topic data", and tells what put has.
func queued(q *outqueue, judge func([]byte) verdict, missed []bool, texts ...string) (int, int64) {
	b := batch.Get()
	defer b.Release()
	for _, text := range texts {
		topic, data, _ := bytes.Cut([]byte(text), []byte(" "))
		b.AppendFrame(topic, true)
		b.AppendFrame(data, false)
	}
	return q.put(b, missed, judge)
}

// contents takes everything: per NATS message its topic and the data of its messages.
func contents(t *testing.T, q *outqueue) (out []string) {
	for _, c := range q.take(nil) {
		start := 0
		for _, i := range c.items {
			data := c.buf[start:i.end]
			start = i.end
			linkmessage.Finish(data, linkmessage.Header{})
			_, messages, err := linkmessage.ReadHeader(data)
			require.NoError(t, err)
			b := batch.Get()
			require.NoError(t, linkmessage.Append(b, messages))
			require.Equal(t, i.messages, b.Len())
			text := string(batch.Topic(b.Message(0)))
			for k := range b.Len() {
				text += " " + string(batch.Frames(nil, b.Message(k))[1])
			}
			out = append(out, text)
			b.Release()
		}
		q.settle(c, outCounts{out: uint64(c.messages()), outBytes: uint64(c.size())})
	}
	return out
}

func all([]byte) verdict { return send }

func newQueue(messages int, bytes int64) *outqueue {
	q := &outqueue{}
	q.init(messages, bytes)
	return q
}

func TestRunsOfOneTopicShareANATSMessage(t *testing.T) {
	q := newQueue(1000, 1<<20)
	queued(q, all, nil, "a 1", "a 2", "b 3", "a 4")
	queued(q, all, nil, "a 5", "ab 6")
	require.False(t, q.empty.IsOpen())
	require.Equal(t, []string{"a 1 2", "b 3", "a 4 5", "ab 6"}, contents(t, q))
	require.True(t, q.empty.IsOpen())
	n := q.now()
	require.EqualValues(t, []any{6, 6, 0, 0}, []any{int(n.given), int(n.out), int(n.waiting), int(n.waitingBytes)})
	require.Equal(t, n.given, n.sum())
}

func TestWhatIsNotSentIsCountedByReason(t *testing.T) {
	q := newQueue(4, 1<<20)
	judge := func(topic []byte) verdict {
		switch topic[0] {
		case 'd':
			return denied
		case 'u':
			return unwanted
		}
		return send
	}
	missed := []bool{true, false, true, true, false, true, true, true}
	alone, size := queued(q, judge, missed, "a 1", "a 2", "d 3", "u 4", "b 5", "b 6", "b 7", "c 8")
	require.Equal(t, 4, alone, "of a: 1, of b: 6 and 7, of c: 8, though 7 and 8 find no room")
	require.EqualValues(t, 4*6, size)
	require.Equal(t, []string{"a 1 2", "b 5 6"}, contents(t, q))
	n := q.now()
	require.EqualValues(t, []any{8, 4, 1, 1, 2}, []any{int(n.given), int(n.out), int(n.denied), int(n.unwanted), int(n.full)})

	q = newQueue(1000, 13)
	queued(q, all, nil, "a 1", "a 2", "a 3")
	require.Equal(t, []string{"a 1 2"}, contents(t, q), "there is room for 13 bytes")
	require.EqualValues(t, 1, q.now().full)

	q.open(false)
	alone, _ = queued(q, all, []bool{true}, "a 1")
	require.Equal(t, 1, alone)
	q.open(true)
	queued(q, all, nil, "a 1", "b 2")
	q.giveUp()
	require.Empty(t, contents(t, q))
	n = q.now()
	require.EqualValues(t, 3, n.stopped)
	require.Equal(t, n.given, n.sum())
	require.True(t, q.empty.IsOpen())
}

func TestANATSMessageHasABoundedSize(t *testing.T) {
	q := newQueue(100_000, 1<<30)
	q.resize(200)
	texts := []string{}
	for i := range 100 {
		texts = append(texts, fmt.Sprintf("a %02d", i))
	}
	texts = append(texts, "a "+string(bytes.Repeat([]byte("x"), 500)), "a z")
	queued(q, all, nil, texts...)
	from, next := 0, 0
	for _, c := range q.take(nil) {
		start := 0
		for _, i := range c.items {
			if i.messages > 1 {
				require.LessOrEqual(t, i.end-start, 200)
			}
			start, next = i.end, next+i.messages
			from++
		}
		q.settle(c, outCounts{out: uint64(c.messages())})
	}
	require.Equal(t, 102, next)
	require.Greater(t, from, 4)
	require.Zero(t, q.now().waitingBytes)
	q.resize(1 << 20)
	for range 3 {
		queued(q, all, nil, "a "+string(bytes.Repeat([]byte("x"), 40_000)))
	}
	require.Len(t, contents(t, q), 3, "each is beyond half of the target size")
}
