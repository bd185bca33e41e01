package recording

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// recorded makes a file of messages that arrived a millisecond after each other.
func recorded(t testing.TB, messages ...[]byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.mcap")
	r := record(t, Config{Name: name, Compression: mcap.Zstd})
	for _, m := range messages {
		r.arrive(m)
	}
	r.end(t)
	return name
}

// What was received, recorded and played is received as it was, over real sockets.
func TestWhatIsPlayedIsWhatWasRecorded(t *testing.T) {
	sent := oddMessages()
	name := recorded(t, sent...)
	receiver, err := core.NewReceiver("@tcp://127.0.0.1:*", "again")
	require.NoError(t, err)
	defer receiver.Close()
	require.NoError(t, receiver.Set("on_slow", "ignore"))
	again := filepath.Join(t.TempDir(), "b.mcap")
	second, err := New(Config{Name: again, Compression: mcap.None, ChunkBytes: 1 << 20, Flush: time.Second})
	require.NoError(t, err)
	embed.ReceiverOf(receiver).SetTap(second.Tap())
	require.NoError(t, receiver.Start())
	at, err := receiver.Get("endpoint")
	require.NoError(t, err)
	publisher, err := core.NewPublisher(at, "player")
	require.NoError(t, err)
	defer publisher.Close()
	require.NoError(t, publisher.Set("sequence", "off"))
	require.NoError(t, publisher.Start())
	require.NoError(t, publisher.WaitReady(soon))

	outlet := embed.PublisherOf(publisher)
	played, err := Play(t.Context(), Envelopes(open(t, name), Filter{}), PlayConfig{Send: func(e *Envelope) error {
		return outlet.PublishFrames(e.Frames.Topic, e.Frames.Origin, e.Frames.Data, e.Frames.Time)
	}})
	require.NoError(t, err)
	require.EqualValues(t, len(sent), played.Envelopes)
	require.NoError(t, publisher.Stop(soon))
	testkit.Repeat(t, "all have arrived", func() bool { return receiver.Stats().Arrived == uint64(len(sent)) })
	require.NoError(t, receiver.Stop(soon))
	_, err = second.Close()
	require.NoError(t, err)
	require.Equal(t, sent, messagesOf(t, open(t, again), Filter{}))
}

// play plays a file, and gives what was sent, and when by the clock of the test.
func play(t *testing.T, name string, filter Filter, cfg PlayConfig) (sent []Envelope, due []time.Duration) {
	t.Helper()
	begun := time.Now()
	cfg.sleep = func(_ context.Context, at time.Time) { due = append(due, at.Sub(begun)) }
	cfg.Send = func(e *Envelope) error {
		sent = append(sent, *e)
		return nil
	}
	_, err := Play(t.Context(), Envelopes(open(t, name), filter), cfg)
	require.NoError(t, err)
	return sent, due
}

func TestEnvelopesAreDueAsTheyArrived(t *testing.T) {
	name := recorded(t, oddMessages()...)
	for _, speed := range []float64{1, 4} {
		_, due := play(t, name, Filter{}, PlayConfig{Speed: speed})
		for i := range due {
			require.Equal(t, time.Duration(float64(i)*float64(time.Millisecond)/speed), due[i]-due[0])
		}
	}
	_, due := play(t, name, Filter{}, PlayConfig{})
	require.Empty(t, due, "as fast as possible")
}

func TestTopicsAreRenamedAndTimesReplaced(t *testing.T) {
	name := recorded(t, oddMessages()...)
	sent, _ := play(t, name, Filter{Topics: []string{"ticks/"}}, PlayConfig{Restamp: true, Rename: []Renaming{{"ticks/a", "x"}, {"ticks/", "y/"}}})
	require.Len(t, sent, 9)
	require.Equal(t, "x", sent[0].Topic)
	require.Equal(t, `"x"`, string(sent[0].Frames.Topic))
	require.Equal(t, `"y/b"`, string(sent[2].Frames.Topic))
	require.Nil(t, sent[0].Frames.Time)
	sent, _ = play(t, name, Filter{Topics: []string{"traced"}}, PlayConfig{Restamp: true})
	require.Len(t, sent, 1)
	require.Equal(t, traceParent, string(wire.AppendTraceParent(nil, sent[0].Frames.Time)), "it stays")
}

func TestAFilterChoosesByTimeTopicAndOrigin(t *testing.T) {
	name := recorded(t, oddMessages()...)
	all, _ := play(t, name, Filter{}, PlayConfig{})
	some, _ := play(t, name, Filter{From: all[2].LogTime, To: all[5].LogTime}, PlayConfig{})
	require.Len(t, some, 3)
	old, _ := play(t, name, Filter{Origins: []string{"old"}}, PlayConfig{})
	require.Len(t, old, 3)
}

func TestStepsAndErrorsEndIt(t *testing.T) {
	name := recorded(t, oddMessages()...)
	steps := 0
	sent, _ := play(t, name, Filter{}, PlayConfig{Speed: 1, Step: func() bool { steps++; return steps < 4 }})
	require.Len(t, sent, 3)
	failed := errors.New("closed")
	_, err := Play(t.Context(), Envelopes(open(t, name), Filter{}), PlayConfig{Send: func(*Envelope) error { return failed }})
	require.ErrorIs(t, err, failed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	played, err := Play(ctx, Envelopes(open(t, name), Filter{}), PlayConfig{Speed: 1})
	require.NoError(t, err)
	require.Zero(t, played.Envelopes)
}

func TestDelaysAreAQuantileOfASample(t *testing.T) {
	var p Played
	for i := range 100 {
		p.late = append(p.late, float64(99-i)/1000)
	}
	require.Equal(t, 99*time.Millisecond, p.Late(0.99).Round(time.Millisecond))
	p.thin()
	require.Len(t, p.late, 50)
	require.Zero(t, new(Played).Late(0.5))
}
