package zmtp

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// Random bytes, alone and behind a valid handshake, end their own connection and disturb
// no other.
func TestNoiseEndsOnlyItsOwnConnection(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"), dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 60 {
		noise := make([]byte, 1+random.IntN(5000))
		for at := range noise {
			noise[at] = byte(random.IntN(256))
		}
		for _, target := range []struct{ at, kind string }{{o.address(), "SUB"}, {i.address(), "PUB"}} {
			p := connectRaw(t, target.at)
			if round%2 == 0 {
				p.shakeHands(target.kind, byte(round/2%2))
			}
			_, _ = p.Write(noise)
			_ = p.Close()
		}
		require.Equal(t, 1, o.Send(message("a", "b")).Sent)
	}
	testkit.Eventually(t, func() bool { return connections(&o.socket) == 1 && connections(&i.socket) == 1 }, "all peers gone")
	testkit.Eventually(t, func() bool { return count(i.got(), "a") == 60 }, "what was meant for it")
	require.Equal(t, 1, wanted(o.outlet))
}

func count(messages [][]string, topic string) (n int) {
	for _, m := range messages {
		if len(m) == 2 && m[0] == topic && m[1] == "b" {
			n++
		}
	}
	return n
}

func TestPong(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, nil, bind("tcp://127.0.0.1:*"))
	for _, target := range []struct{ at, kind string }{{o.address(), "XSUB"}, {i.address(), "XPUB"}} {
		p := connectRaw(t, target.at)
		p.shakeHands(target.kind, 1)
		for _, context := range []string{"", "0123456789abcdef"} {
			p.send(appendCommand(nil, cmdPing, []byte("\x00\x00"), []byte(context)))
			flags, body := p.receiveFrame()
			require.Equal(t, byte(batch.FlagCommand), flags)
			require.Equal(t, "\x04PONG"+context, string(body))
		}
	}
}
