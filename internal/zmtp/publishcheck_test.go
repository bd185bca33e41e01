package zmtp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// controlled is access control by a policy of this text.
type controlled struct {
	*access.Control
	path string
}

func newControlled(t testing.TB, text string) *controlled {
	t.Helper()
	c := &controlled{path: filepath.Join(t.TempDir(), "policy.toml")}
	c.write(t, text)
	var err error
	c.Control, err = access.Open(access.Config{Who: "test", Path: c.path, Emit: func(notify.Event) {}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (c *controlled) write(t testing.TB, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(c.path, []byte(text), 0o600))
}

// change makes another text the policy.
func (c *controlled) change(t testing.TB, text string) {
	t.Helper()
	c.write(t, text)
	require.NoError(t, c.Reload())
}

func (c *controlled) option() option {
	return with(func(cfg *carrier.Config) { cfg.Access = c.Control })
}

// anonymous is a policy with one user, which everyone is.
const anonymous = "[users.any]\nanonymous = true\n"

const mayPublishTicks = anonymous + "[[allow]]\nusers = [\"any\"]\npublish = [\"ticks\"]\n"

// Between the review and the end of the connection there may be much that was read before.
func TestNothingOfAnExpelledUserIsDeliveredAnyMore(t *testing.T) {
	control := newControlled(t, mayPublishTicks)
	in := newInlet(t, carrier.XSUB, []string{""}, bind("tcp://127.0.0.1:*"), control.option())
	peer := connectRaw(t, in.address())
	peer.shakeHands("PUB", 1)
	peer.send(message(`"ticks"`, `"any"`, "1").Buf)
	in.sink.wait(t, 1)
	c := (*in.peers.Load())[0]
	control.change(t, "[users.other]\nkeys = []\n")
	peer.requireHungUp()
	in.deliverBatch(c, message(`"ticks"`, `"any"`, "2"))
	in.sink.wait(t, 1)
	denied, _ := control.Denied()
	require.EqualValues(t, 1, denied)
}

// A peer that may publish something can send any bytes.
func TestMessagesOfAnyFormAreDeniedOneByOne(t *testing.T) {
	for _, hostile := range [][]string{
		{""}, {"", ""}, {`"ticks"`}, {`"ticks/a"`, ""}, {`"`, `"any"`}, {`"ticks`, `"any"`}, {`"\u12"`, `"any"`}, {"\xff", "\xff"},
		{" ", " "}, {`"ticks"`, `"`}, {`"ticks"`, `"\ud83d\u"`}, {`"ticks"`, `"other"`, ""}, {`"secret"`, `"any"`, `"ticks"`, `"any"`},
	} {
		control := newControlled(t, mayPublishTicks)
		in := newInlet(t, carrier.XSUB, []string{""}, bind("tcp://127.0.0.1:*"), control.option())
		peer := connectRaw(t, in.address())
		peer.shakeHands("PUB", 1)
		allowed := message(`"ticks"`, `"any"`, "1")
		peer.send(allowed.Buf, message(hostile...).Buf, allowed.Buf)
		in.sink.wait(t, 2)
		denied, _ := control.Denied()
		require.EqualValues(t, 1, denied, "%q", hostile)
	}
}

// TestWhatIsDeniedIsTakenOutOfACopy: of a batch that comes from within the process, others have the same
// memory.
func TestWhatIsDeniedIsTakenOutOfACopy(t *testing.T) {
	control := newControlled(t, mayPublishTicks)
	in := newInlet(t, carrier.XSUB, []string{""}, bind("inproc://denied"), control.option())
	other := newInlet(t, carrier.XSUB, []string{""}, bind("inproc://not-denied"))
	o := newOutlet(t, carrier.Wait, 1000, dial("inproc://denied", "inproc://not-denied"))
	testkit.Eventually(t, func() bool {
		n := 0
		for _, p := range o.Peers() {
			n += p.Subscriptions
		}
		return n == 2
	}, "both subscriptions")
	b := batch.Get()
	defer b.Release()
	var all, allowed [][]string
	for i, topic := range []string{`"ticks"`, `"secret"`, `"ticks"`, `"secret"`, `"ticks"`} {
		msg := []string{topic, `"any"`, strings.Repeat(string(rune('a'+i)), 10_000)}
		for at, frame := range msg {
			b.AppendFrame([]byte(frame), at < len(msg)-1)
		}
		all = append(all, msg)
		if topic == `"ticks"` {
			allowed = append(allowed, msg)
		}
	}
	before := string(b.Buf)
	require.Equal(t, 5, o.Send(b).Sent)
	in.sink.wait(t, len(allowed))
	other.sink.wait(t, len(all))
	require.Equal(t, allowed, in.got())
	require.Equal(t, all, other.got())
	require.Equal(t, before, string(b.Buf))
	denied, _ := control.Denied()
	require.EqualValues(t, 2, denied)
}

// TestASystemTopicIsDeniedHoweverItIsWritten: what allows every topic does not allow those of components.
func TestASystemTopicIsDeniedHoweverItIsWritten(t *testing.T) {
	control := newControlled(t, anonymous+"[[allow]]\nusers = [\"any\"]\npublish = [\"\"]\n")
	in := newInlet(t, carrier.XSUB, []string{""}, bind("tcp://127.0.0.1:*"), control.option())
	peer := connectRaw(t, in.address())
	peer.shakeHands("PUB", 1)
	for _, topic := range []string{`"ticks"`, `"$hermes/a"`, `"\u0024hermes/b"`, ` "$hermes/c"`, `"\u0061"`, `"end"`} {
		peer.send(message(topic, `"any"`, "1").Buf)
	}
	in.sink.wait(t, 3)
	var topics []string
	for _, m := range in.sink.got() {
		topics = append(topics, m[0])
	}
	require.Equal(t, []string{`"ticks"`, `"\u0061"`, `"end"`}, topics)
}

func TestARegionCoversMessagesOfItsTopicsAndOrigin(t *testing.T) {
	r := &access.Rights{}
	var m publishRegion
	covers := func(frames ...string) bool { return m.rights == r && m.covers(message(frames...).Buf) }
	require.False(t, covers(`"ticks/a"`, `"any"`, "1"), "there is none yet")
	m.set(r, []byte(`"ticks/`), []byte(`"any"`))
	require.True(t, covers(`"ticks/a"`, `"any"`, "1"))
	require.True(t, covers(`"ticks/`, `"any"`))
	long := strings.Repeat("x", 300)
	for _, frames := range [][]string{
		{`"ticks"`, `"any"`}, {`"ticks/a"`, `"other"`}, {`"ticks/a"`, `"any" `}, {`"ticks/a"`}, {`"ticks/a"`, ``}, {``, `"any"`},
		{`"ticks/`}, {`"tick`, `s/"any"`}, {`"ticks/` + long, `"any"`}, {`"ticks/a"`, `"any"` + long}, {""}, {"", ""},
	} {
		require.False(t, covers(frames...), "%q", frames)
	}
	require.False(t, m.covers(nil))
	b := message(`"ticks/a"`, `"any"`, "1")
	b.AppendMessage(message(`"ticks/b"`, `"any"`, "2").Buf)
	b.AppendMessage(message(`"other/"`, `"any"`, "3").Buf)
	require.Equal(t, 2, m.firstOutside(b, 0))
	require.Equal(t, 2, m.firstOutside(b, 1))
	require.Equal(t, 3, m.firstOutside(b, 3))
}

func TestABeginningIsComparedByAllOfItsBytes(t *testing.T) {
	const text = "0123456789abcdefghij"
	for size := range len(text) {
		var x beginning
		x.set([]byte(text))
		x.set([]byte(text[:size]))
		for length := size; length <= len(text); length++ {
			p := []byte(text[:length])
			require.True(t, x.of(p))
			for at := range p {
				p[at]++
				require.Equal(t, at >= size, x.of(p), "%d of %d bytes, byte %d differs", size, length, at)
				p[at]--
			}
		}
	}
}
