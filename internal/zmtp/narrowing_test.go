package zmtp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// everyoneMay is a policy by which peers without identity receive some topics.
func everyoneMay(subscribe string) string {
	return "[users.all]\nanonymous = true\n[[allow]]\nusers = [\"all\"]\nsubscribe = [" + subscribe + "]\n"
}

// openPolicy puts a text in force. reload puts another in its place.
func openPolicy(t *testing.T, text string) (control *access.Control, reload func(text string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.toml")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path+"~", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+"~", path))
	}
	write(text)
	control, err := access.Open(access.Config{Who: "test", Path: path, Emit: func(notify.Event) {}})
	require.NoError(t, err)
	t.Cleanup(control.Close)
	return control, func(text string) {
		write(text)
		require.NoError(t, control.Reload())
	}
}

func under(control *access.Control) option {
	return with(func(c *carrier.Config) { c.Access = control })
}

func TestAReviewSubscribesBeforeItUnsubscribes(t *testing.T) {
	// Otherwise what is allowed before and afterwards would be missed in between.
	control, reload := openPolicy(t, everyoneMay(`"ticks"`))
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), under(control))
	newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 2)
	reload(everyoneMay(`"ticks/eur"`))
	o.wait(t, carrier.Unsubscribed, 2)
	history := topicHistory(o.eventLog)
	require.ElementsMatch(t, []string{`+"ticks/eur"`, `+"ticks/eur/`}, history[len(history)-4:len(history)-2])
	require.ElementsMatch(t, []string{`-"ticks"`, `-"ticks/`}, history[len(history)-2:])
}

func TestAPeerThatHasLeftIsNotReviewed(t *testing.T) {
	control, reload := openPolicy(t, everyoneMay(`"ticks"`))
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), under(control))
	in := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 2)
	gone := (*o.peers.Load())[0]
	in.Close()
	o.wait(t, carrier.Disconnected, 1)
	reload(everyoneMay(`"orders"`))
	o.reviewOne(gone) // as reviewAll does if the peer leaves while it looks at others
	require.Zero(t, wanted(o.outlet), "no peer would ever take it back")
}

func TestAPeerCanBeReviewedAsSoonAsItIsAdmitted(t *testing.T) {
	control, reload := openPolicy(t, everyoneMay(`"ticks"`))
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), under(control))
	buffer, _ := newSendBuffer(t, 1, 1)
	c := &conn{s: &o.socket, io: buffer.io}
	require.Nil(t, c.admit(policy.Identity{Mechanism: "plain"}))
	reload(everyoneMay(`"orders"`))
	o.reviewOne(c)
	require.True(t, control.Current(c.rights.Load()))
}

func TestNothingIsForAPeerWhoseUserIsGone(t *testing.T) {
	control, reload := openPolicy(t, everyoneMay(`"ticks"`))
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), under(control))
	buffer, _ := newSendBuffer(t, 1, 1)
	c := &conn{s: &o.socket, io: buffer.io}
	c.out.dead = true
	require.Nil(t, c.admit(policy.Identity{Mechanism: "plain"}))
	require.NoError(t, o.subscribe(c, true, []byte(`"ticks`)))
	wants := func() bool {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		return c.wants([]byte(`"ticks"`))
	}
	require.True(t, wants())
	reload("[users.another]\nuids = [1]\n")
	o.reviewOne(c)
	require.NotNil(t, c.aborted.Load())
	require.False(t, wants(), "though the goroutine of the connection has not noticed yet")
}

func TestAReviewThatFailsEndsTheConnection(t *testing.T) {
	control, reload := openPolicy(t, everyoneMay(`"ticks"`))
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), under(control))
	for range 2 {
		newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	}
	testkit.Eventually(t, func() bool { return len(*o.peers.Load()) == 2 }, "both are connected")
	first := (*o.peers.Load())[0]
	other := (*o.peers.Load())[1]
	testkit.Eventually(t, func() bool {
		o.socket.events.Lock()
		defer o.socket.events.Unlock()
		return len(first.narrowed.asked) == 1 && len(other.narrowed.asked) == 1
	}, "both have subscribed")
	o.socket.events.Lock()
	first.narrowed.granted = nil // as if a state were broken: adding to it panics
	o.socket.events.Unlock()
	reload(everyoneMay(`"orders"`))
	testkit.Eventually(t, func() bool { return control.Current(other.rights.Load()) }, "the other one has its new rights")
	require.NotNil(t, first.aborted.Load())
}
