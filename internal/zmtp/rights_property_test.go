package zmtp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/testkit/policymodel"
)

const (
	governedUsers = 4  // each with an address at either socket
	topicsEach    = 50 // that are sent to subscribers in one round
	publishedEach = 20 // by each publisher
)

// governed is an outlet and an inlet under one policy, as a post office has them, with a subscriber and
// a publisher of each user, who are told apart by the addresses that they have come to.
type governed struct {
	t       *testing.T
	r       *rand.Rand
	path    string // of the policy
	model   *policymodel.Model
	control *access.Control

	outlet      testOutlet
	inlet       carrier.Inlet
	arrived     recorder // at the inlet
	published   int      // to it
	subscribers []*governedSubscriber
	publishers  []testOutlet
	number      int // of the last message
}

// governedSubscriber is a subscriber of one user.
type governedSubscriber struct {
	recorder
	carrier.Inlet
	address string
	wants   map[string]bool
}

// recorder counts how often each message has arrived. Its last frame is its number.
type recorder struct {
	mu    sync.Mutex
	seen  map[int]int
	count int
}

func (d *recorder) deliver(b *batch.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range b.Len() {
		frames := batch.Frames(nil, b.Message(i))
		n, _ := strconv.Atoi(string(frames[len(frames)-1]))
		d.seen[n]++
		d.count++
	}
}

// total is how many messages have arrived since the beginning.
func (d *recorder) total() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// take gives what has arrived since the last call.
func (d *recorder) take() map[int]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.seen
	d.seen = map[int]int{}
	return seen
}

// sentMessage is what is known of a message that was sent.
type sentMessage struct {
	number        int
	topic, origin string
	frame         []byte
	strange       bool // not encoded as publishers do it: it may be left out
}

func newGoverned(t *testing.T) *governed {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir, err := os.MkdirTemp("", "hermes") // names of sockets are short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	g := &governed{t: t, r: rand.New(rand.NewPCG(seed, 5)), path: filepath.Join(dir, "policy.toml")}
	g.arrived.seen = map[int]int{}
	var out, in []string
	for i := range governedUsers {
		out = append(out, fmt.Sprintf("ipc://%s/out%d", dir, i))
		in = append(in, fmt.Sprintf("ipc://%s/in%d", dir, i))
	}
	g.model = g.random()
	g.write(g.model)
	g.control, err = access.Open(access.Config{Who: "test", Path: g.path, Emit: func(notify.Event) {}})
	require.NoError(t, err)
	t.Cleanup(g.control.Close)
	g.outlet = newOutlet(t, carrier.Drop, 1<<20, bind(out...), under(g.control))
	g.inlet, err = Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, []option{bind(in...), under(g.control)}), Deliver: g.arrived.deliver})
	require.NoError(t, err)
	t.Cleanup(g.inlet.Close)
	require.NoError(t, g.inlet.Subscribe(nil))
	for i := range governedUsers {
		s := &governedSubscriber{recorder: recorder{seen: map[int]int{}}, address: out[i], wants: map[string]bool{}}
		s.Inlet, err = Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XSUB, []option{dial(out[i])}), Deliver: s.deliver})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		g.subscribers = append(g.subscribers, s)
		g.publishers = append(g.publishers, newOutlet(t, carrier.Drop, 1<<20, dial(in[i])))
	}
	testkit.Eventually(t, func() bool {
		for _, p := range g.publishers {
			if !p.subscribed() {
				return false
			}
		}
		return len(*g.outlet.peers.Load()) == governedUsers
	}, "all peers are connected")
	return g
}

// random is a random policy by which every user may do something: it would be disconnected otherwise.
func (g *governed) random() *policymodel.Model {
	dir := filepath.Dir(g.path)
	for {
		m := policymodel.RandomOf(g.r, governedUsers, func(i int) string {
			return fmt.Sprintf("anonymous = [\"ipc://%s/out%d\", \"ipc://%s/in%d\"]", dir, i, dir, i)
		})
		m.AllowAll("always")
		p, err := policy.Parse("p", "", []byte(m.String()))
		require.NoError(g.t, err)
		if !slices.ContainsFunc(p.Users(), func(name string) bool {
			u := p.User(name)
			return !u.Publishes() || !u.Subscribes() // all is denied
		}) {
			return m
		}
	}
}

// write replaces the file of the policy.
func (g *governed) write(m *policymodel.Model) {
	require.NoError(g.t, os.WriteFile(g.path+"~", []byte(m.String()), 0o600))
	require.NoError(g.t, os.Rename(g.path+"~", g.path))
}

// reload puts a policy in force.
func (g *governed) reload(m *policymodel.Model) {
	g.model = m
	g.write(m)
	require.NoError(g.t, g.control.Reload())
	g.waitUntilReviewed(&g.outlet.socket)
	g.waitUntilReviewed(&g.inlet.(*inlet).socket)
}

func (g *governed) waitUntilReviewed(s *socket) {
	testkit.Eventually(g.t, func() bool {
		s.events.Lock()
		defer s.events.Unlock()
		for _, c := range *s.peers.Load() {
			if !g.control.Current(c.rights.Load()) {
				return false
			}
		}
		return len(*s.peers.Load()) == governedUsers
	}, "all peers have the rights of the new policy: %v", g.outlet.eventLog)
}

// subscribe changes some subscriptions, each once, and waits until the outlet knows: what was taken back at
// once could still be on its way there.
func (g *governed) subscribe(changes int) {
	for _, s := range g.subscribers {
		changed := map[string]bool{}
		for range changes {
			prefix := g.prefix()
			if s.wants[prefix] || len(s.wants) > 5 {
				for prefix = range s.wants {
					break
				}
			}
			if changed[prefix] {
				continue
			}
			changed[prefix] = true
			if s.wants[prefix] {
				delete(s.wants, prefix)
				require.NoError(g.t, s.Unsubscribe([]byte(prefix)))
				continue
			}
			s.wants[prefix] = true
			require.NoError(g.t, s.Subscribe([]byte(prefix)))
		}
		testkit.Eventually(g.t, func() bool { return g.asked(s) }, "the outlet knows the subscriptions")
	}
}

// asked reports whether the outlet knows what a subscriber wants.
func (g *governed) asked(s *governedSubscriber) bool {
	g.outlet.socket.events.Lock()
	defer g.outlet.socket.events.Unlock()
	n := g.conn(s).narrowed
	for prefix := range s.wants {
		if _, known := n.asked[prefix]; !known {
			return false
		}
	}
	return len(n.asked) == len(s.wants)
}

// conn is the outlet's connection to a subscriber.
func (g *governed) conn(s *governedSubscriber) *conn {
	for _, c := range *g.outlet.peers.Load() {
		if c.at == s.address {
			return c
		}
	}
	require.Fail(g.t, "a subscriber was disconnected", g.model.String())
	return nil
}

func (g *governed) prefix() string {
	if g.r.IntN(6) == 0 {
		return ""
	}
	topic := g.model.Topic(g.r)
	f := policymodel.Frame(g.r, topic)
	if g.r.IntN(3) == 0 {
		f = policymodel.StrangeFrame(g.r, topic)
	}
	return string(f[:g.r.IntN(len(f)+1)])
}

// message adds one to a batch, with a topic of the model, and an origin if there is one.
func (g *governed) message(b *batch.Batch, m *policymodel.Model, origin string) sentMessage {
	g.number++
	s := sentMessage{number: g.number, topic: m.Topic(g.r), origin: origin, strange: g.r.IntN(3) == 0}
	encode := policymodel.Frame
	if s.strange {
		encode = policymodel.StrangeFrame
	}
	s.frame = encode(g.r, s.topic)
	b.AppendFrame(s.frame, true)
	if origin != "" {
		b.AppendFrame(encode(g.r, origin), true)
	}
	b.AppendFrame(strconv.AppendInt(nil, int64(s.number), 10), false)
	return s
}

// send sends a batch to all subscribers.
func (g *governed) send(m *policymodel.Model, n int) (all []sentMessage) {
	b := &batch.Batch{}
	for range n {
		all = append(all, g.message(b, m, ""))
	}
	g.outlet.Send(b)
	return all
}

// publish sends a batch to the inlet as a user.
func (g *governed) publish(user int, m *policymodel.Model, n int) (all []sentMessage) {
	b := &batch.Batch{}
	for range n {
		all = append(all, g.message(b, m, policymodel.Pick(g.r, []string{"u0", "u1", "u2", "u3", "u5"})))
	}
	require.Equal(g.t, n, g.publishers[user].Send(b).Sent)
	g.published += n
	return all
}

// waitUntilArrived waits until all that was sent has arrived, or was refused and counted.
func (g *governed) waitUntilArrived() {
	testkit.Eventually(g.t, func() bool {
		denied, _ := g.control.Denied()
		return g.arrived.total()+int(denied) == g.published
	}, "all that was published has arrived or was denied")
	for _, s := range g.subscribers {
		testkit.Eventually(g.t, func() bool {
			p := g.conn(s).describe(0)
			require.Zero(g.t, p.Dropped)
			return p.QueueMessages == 0 && s.total() == int(p.Sent)
		}, "all that was sent to %s has arrived", s.address)
	}
}

// check compares what has arrived with what the models allow, which were all in force meanwhile: what
// all of them allow has to come once, what none of them allows must not come.
func (g *governed) check(seen map[int]int, sent []sentMessage, ask func(*policymodel.Model, sentMessage) bool, models ...*policymodel.Model) (asked int) {
	for _, s := range sent {
		least, most := 1, 0
		for _, m := range models {
			if ask(m, s) {
				most = 1
			} else {
				least = 0
			}
		}
		if n := seen[s.number]; n < least || n > most {
			for _, m := range models {
				g.t.Log(m.String())
			}
			g.t.Fatalf("message %d, %q as %q: it came %d times, and not %d to %d times", s.number, s.frame, s.origin, n, least, most)
		}
	}
	return len(sent)
}

// checkSubscriber is check for what was sent to a subscriber.
func (g *governed) checkSubscriber(user int, sent []sentMessage, models ...*policymodel.Model) int {
	subscriber := g.subscribers[user]
	seen := subscriber.take()
	name := fmt.Sprint("u", user)
	return g.check(seen, sent, func(m *policymodel.Model, s sentMessage) bool {
		allowed, _ := m.Ask(name, s.topic, nil)
		for prefix := range subscriber.wants {
			if allowed && bytes.HasPrefix(s.frame, []byte(prefix)) {
				return !s.strange || seen[s.number] > 0 // such a frame may be left out
			}
		}
		return false
	}, models...)
}

// checkPublished is check for what came to the inlet from a publisher.
func (g *governed) checkPublished(user int, seen map[int]int, sent []sentMessage, models ...*policymodel.Model) int {
	name := fmt.Sprint("u", user)
	return g.check(seen, sent, func(m *policymodel.Model, s sentMessage) bool {
		allowed, _ := m.Ask(name, s.topic, &s.origin)
		return allowed
	}, models...)
}

func TestSocketsPassWhatTheModelAllows(t *testing.T) {
	g := newGoverned(t)
	passed, total := 0, policymodel.Cases(t, 30_000)
	for asked := 0; asked < total; {
		g.reload(g.random())
		g.subscribe(g.r.IntN(4))
		sent := g.send(g.model, topicsEach)
		var published [governedUsers][]sentMessage
		for i := range published {
			published[i] = g.publish(i, g.model, publishedEach)
		}
		g.waitUntilArrived()
		seen := g.arrived.take()
		passed += len(seen)
		for i := range published {
			asked += g.checkPublished(i, seen, published[i], g.model)
			asked += g.checkSubscriber(i, sent, g.model)
		}
	}
	require.Greater(t, passed, total/100, "policies allow too little to show anything")
	g.requireNothingLeft()
}

// requireNothingLeft checks that subscriptions that end leave nothing behind.
func (g *governed) requireNothingLeft() {
	for _, s := range g.subscribers {
		for prefix := range s.wants {
			require.NoError(g.t, s.Unsubscribe([]byte(prefix)))
		}
		clear(s.wants)
		testkit.Eventually(g.t, func() bool { return g.asked(s) }, "the outlet knows that there are no subscriptions")
		c := g.conn(s)
		g.outlet.socket.events.Lock()
		n := c.narrowed
		require.Empty(g.t, n.granted)
		require.Zero(g.t, n.bytes)
		g.outlet.socket.events.Unlock()
		c.out.mu.Lock()
		require.Zero(g.t, n.partial)
		require.Zero(g.t, c.topics.Len())
		c.out.mu.Unlock()
	}
	require.Zero(g.t, wanted(g.outlet.outlet))
}

func TestReloadsLoseNothingThatStaysAllowed(t *testing.T) {
	g := newGoverned(t)
	total := policymodel.Cases(t, 30_000)
	for asked := 0; asked < total; {
		before, after := g.random(), g.random()
		g.reload(before)
		g.subscribe(g.r.IntN(4))
		var reloads sync.WaitGroup
		reloads.Go(func() {
			for i := range 4 {
				g.write([]*policymodel.Model{after, before}[i%2])
				if err := g.control.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
		over := make(chan struct{})
		go func() { reloads.Wait(); close(over) }()
		var sent []sentMessage
		var published [governedUsers][]sentMessage
		for running := true; running; {
			select {
			case <-over:
				running = false
			default:
			}
			sent = append(sent, g.send(policymodel.Pick(g.r, []*policymodel.Model{before, after}), 3)...)
			i := g.r.IntN(governedUsers)
			published[i] = append(published[i], g.publish(i, before, 3)...)
		}
		g.waitUntilArrived()
		seen := g.arrived.take()
		for i := range published {
			asked += g.checkPublished(i, seen, published[i], before, after)
			asked += g.checkSubscriber(i, sent, before, after)
		}
	}
	g.requireNothingLeft()
}
