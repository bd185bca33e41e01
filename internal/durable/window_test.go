package durable

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func newWindow(size int, first uint64) *window {
	w := &window{}
	w.init(size, first)
	return w
}

func TestAWindowMovesWithItsFirstMessage(t *testing.T) {
	w := newWindow(4, 10)
	epoch, _ := w.begin()
	for i := uint64(10); i < 14; i++ {
		ok, known, again, broken := w.room(i)
		require.True(t, ok && !known && !again && broken == "")
		w.note(i)
	}
	ok, _, _, _ := w.room(14)
	require.False(t, ok, "it is full")
	w.ack(11)
	w.ack(11)
	w.ack(99)
	require.Equal(t, uint64(10), w.done())
	w.ack(10)
	require.Equal(t, uint64(12), w.done())
	require.Equal(t, uint64(2), w.out())
	ok, _, _, _ = w.room(15)
	require.True(t, ok)
	w.ack(13)

	w.fail(epoch-1, "too late to matter")
	ok, _, _, _ = w.room(14)
	require.True(t, ok)
	w.fail(epoch, "a test")
	_, _, _, broken := w.room(14)
	require.Equal(t, "a test", broken)
	_, moved := w.begin()
	require.True(t, moved)
	_, known, again, _ := w.room(12)
	require.True(t, again && !known)
	_, known, _, _ = w.room(13)
	require.True(t, known, "it need not be sent again")
	_, known, again, _ = w.room(14)
	require.False(t, known || again)
	w.gone(12)
	require.Equal(t, uint64(14), w.done())
	require.Equal(t, uint64(3), w.out(), "what is given up is not counted")
}

func TestAWindowSkipsWhatIsDamaged(t *testing.T) {
	w := newWindow(4, 0)
	w.begin()
	w.skip(1 << 40)
	require.Equal(t, uint64(1<<40), w.done())
	_, due := w.underWay()
	require.False(t, due)
	w.note(1 << 40)
	w.ack(1 << 40)
	require.Equal(t, uint64(1<<40+1), w.done())
}

// TestWhatIsAcknowledgedBehindADamageIsNotSentAgain, nor counted twice.
func TestWhatIsAcknowledgedBehindADamageIsNotSentAgain(t *testing.T) {
	w := newWindow(8, 0)
	w.begin()
	for i := range uint64(6) {
		w.note(i)
	}
	w.ack(3)
	w.ack(5)
	w.begin() // 0 to 2 turn out to be damaged now
	w.skip(3)
	require.Equal(t, uint64(4), w.done())
	_, known, again, _ := w.room(4)
	require.Equal(t, []bool{false, true}, []bool{known, again})
	_, known, _, _ = w.room(5)
	require.True(t, known)
	w.note(4)
	w.ack(4)
	w.ack(5)
	require.Equal(t, []uint64{6, 3}, []uint64{w.done(), w.out()})
}

func TestTheSenderIsWokenWhenThereIsMuchToDo(t *testing.T) {
	w := newWindow(64, 0)
	w.begin()
	for i := range uint64(64) {
		w.note(i)
	}
	woken := 0
	for i := range uint64(64) {
		w.ack(i)
		select {
		case <-w.some:
			woken++
		default:
		}
	}
	require.Equal(t, 8, woken)
}

func TestWhatWasNotSentIsNotAcknowledged(t *testing.T) {
	w := newWindow(4, 10)
	w.begin()
	w.note(10)
	w.ack(11) // another client of NATS says so
	w.ack(10)
	require.Equal(t, uint64(11), w.done())
	require.Equal(t, uint64(1), w.out())
}
