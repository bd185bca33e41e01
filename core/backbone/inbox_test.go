package backbone

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
)

// fromSite is a NATS message of a site with these messages of a topic.
func fromSite(run, number uint64, topic string, texts ...string) []byte {
	b := batch.Get()
	defer b.Release()
	for _, text := range texts {
		b.AppendFrame([]byte(topic), true)
		b.AppendFrame([]byte(text), false)
	}
	data := append(linkmessage.Begin(nil), b.Buf...)
	linkmessage.Finish(data, linkmessage.Header{Run: run, Number: number})
	return data
}

func newInbox(messages, bytes int64) *inbox {
	in := &inbox{run: 1, maxMessages: messages, maxBytes: bytes, screen: newScreen(&fakeWays{})}
	in.init()
	return in
}

// texts takes the second frames of all that waits.
func texts(in *inbox) (out []string) {
	for _, b := range in.take(nil) {
		for i := range b.Len() {
			out = append(out, string(batch.Frames(nil, b.Message(i))[1]))
		}
		in.settle(b.Batch, b.Len(), b.Size(), 0, true)
		b.Release()
	}
	return out
}

func TestWhatComesIsInOrderAndOnce(t *testing.T) {
	in := newInbox(100, 1000)
	in.put(fromSite(2, 1, "a", "1", "2"))
	in.put(fromSite(3, 1, "b", "3"))
	in.put(fromSite(2, 1, "a", "1", "2"))
	in.put(fromSite(2, 5, "a", "4"))
	in.put(fromSite(2, 4, "a", "x"))
	in.put(fromSite(1, 9, "a", "own"))
	in.put([]byte("hl"))
	in.put(fromSite(2, 6, "a"))
	require.Equal(t, []string{"1", "2", "3", "4"}, texts(in))
	n := in.now()
	require.EqualValues(t, []any{8, 4, 4, 2, 0, 0}, []any{int(n.arrived), int(n.in), int(n.duplicates), int(n.malformed), int(n.waiting), int(n.waitingBytes)})
}

func TestWhatHasNoRoomOrNoRightIsDroppedAndCounted(t *testing.T) {
	in := newInbox(3, 1000)
	in.imports.Add([]byte("a"))
	in.put(fromSite(2, 1, "a", "1", "2"))
	in.put(fromSite(2, 2, "a", "3", "4"))
	in.put(fromSite(2, 3, "b", "5"))
	in.put(fromSite(2, 4, "a", "6"))
	require.Equal(t, []string{"1", "2", "6"}, texts(in))
	n := in.now()
	require.EqualValues(t, []any{6, 3, 2, 1}, []any{int(n.arrived), int(n.in), int(n.slow), int(n.denied)})

	in = newInbox(100, 10)
	in.put(fromSite(2, 1, "a", "1"))
	in.put(fromSite(2, 2, "a", "2"))
	in.put(fromSite(2, 3, "b", "3"))
	require.EqualValues(t, 2, in.now().slow)
	in.giveUp()
	n = in.now()
	require.EqualValues(t, []any{1, 0}, []any{int(n.stopped), int(n.waiting)})
}
