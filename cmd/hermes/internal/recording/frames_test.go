package recording

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Whatever the frames of an envelope are, they come out of a file as they went in; and what is in
// the file is JSON if the data are.
func FuzzFrames(f *testing.F) {
	for _, m := range oddMessages() {
		var x Frames
		x.split(m)
		f.Add(x.Topic, x.Origin, x.Data, x.Time)
	}
	f.Fuzz(func(t *testing.T, topic, origin, data, time []byte) {
		in := Frames{topic, origin, data, time}
		msg := in.appendTo(nil)
		var p wire.Parts
		if p.Split(msg, new(wire.StreamMemo)) != nil {
			return // not let in
		}
		names, _ := wire.NamesOf(msg)
		k := packer{channels: newChannels()}
		m := k.envelope(&in, msg, names, 1)
		c := k.channels.news.channels[0]
		s, ok := streamOf(c)
		if !ok {
			t.Fatalf("channel %+v is not understood", c)
		}
		e := entry{Found: &mcap.Found{Message: m, Channel: c}, stream: &s}
		if err := e.read(); err != nil {
			t.Fatal(err)
		}
		if got := e.frames.appendTo(nil); string(got) != string(msg) {
			t.Fatalf("%q became %q", msg, got)
		}
		if !wire.Valid(m.Data) {
			t.Fatalf("%q is no JSON", m.Data)
		}
	})
}

func TestHiddenFramesAreFoundAgain(t *testing.T) {
	for _, frame := range []string{"", "0", "1517670000.5 \r\n", "\x00\xff"} {
		hidden := appendHidden(nil, []byte("[1] \t"), []byte(frame))
		data, got, ok := splitHidden(hidden)
		require.True(t, ok)
		require.Equal(t, "[1] \t", string(data))
		require.Equal(t, frame, string(got))
	}
	for _, wrong := range []string{"", "1", "1               \n", "1x               "} {
		_, _, ok := splitHidden([]byte(wrong))
		require.False(t, ok, wrong)
	}
}

func TestAStampIsReadOnlyIfItIsMadeTheSameAgain(t *testing.T) {
	for frame, ok := range map[string]bool{
		"1517670000.500000": true, "     70000.500000": true, "1517670000.5": false, "0517670000.500000": false,
		"1517670000,500000": false, "15176 0000.500000": false, "1517670000.500000                        ": true,
		"1517670000.500000                       x": false,
	} {
		_, _, _, got := stampOf([]byte(frame))
		require.Equal(t, ok, got, frame)
	}
}
