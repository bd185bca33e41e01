package backbone_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

func TestMain(m *testing.M) {
	if url := os.Getenv("HERMES_TEST_DURABLE_URL"); url != "" {
		publishUntilKilled(url, os.Getenv("HERMES_TEST_DURABLE_DIR"), os.Getenv("HERMES_TEST_DURABLE_ROUND"))
	}
	if url := os.Getenv("HERMES_TEST_OFFICE_URL"); url != "" {
		runOffice(url, os.Getenv("HERMES_TEST_OFFICE_DIR"))
	}
	os.Exit(m.Run())
}

// jetStream is a NATS server that can be stopped and started again at its address.
type jetStream struct {
	t   testing.TB
	o   server.Options
	now *server.Server
}

func startJetStream(t testing.TB) *jetStream {
	t.Helper()
	j := &jetStream{t: t, o: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	j.start()
	j.o.Port = j.now.Addr().(*net.TCPAddr).Port
	t.Cleanup(j.stop)
	return j
}

func (j *jetStream) start() {
	j.t.Helper()
	o := j.o
	var err error
	j.now, err = server.NewServer(&o)
	require.NoError(j.t, err)
	j.now.Start()
	require.True(j.t, j.now.ReadyForConnections(soon))
}

func (j *jetStream) stop() {
	j.now.Shutdown()
	j.now.WaitForShutdown()
}

func (j *jetStream) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", j.o.Port) }

// orders are the options of a site with a durable topic.
func orders(site, url string) backbone.Options {
	return backbone.Options{Servers: []string{url}, Site: site, Durable: []backbone.Durable{{Prefix: "orders/"}}}
}

// positioned waits until a site gets everything that is sent from now on: what another one sends.
func positioned(t testing.TB, from, to *backbone.Backbone, at *core.PostOffice) {
	t.Helper()
	p := newPublisher(t, at, "first")
	before := to.Stats().DurableIn
	i := 0
	eventually(t, "the first envelope does not arrive", func() bool {
		require.NoError(t, p.Publish("orders/first", "", []byte("0")))
		i++
		return to.Stats().DurableIn > before
	})
	eventually(t, "the first envelopes are not acknowledged", func() bool {
		s := from.Stats()
		return s.DurableGiven == uint64(i) && s.DurableWaiting == 0
	})
	require.NoError(t, p.Close())
}

// durableBalance demands that the books of durable topics add up, once nothing waits.
func durableBalance(t testing.TB, b *backbone.Backbone) backbone.Stats {
	t.Helper()
	eventually(t, "durable envelopes wait", func() bool { return b.Stats().DurableWaiting == 0 })
	s := b.Stats()
	require.Equal(t, s.DurableGiven+s.DurableResumed, s.DurableOut+s.DurableDroppedQueueFull+s.DurableDroppedBacklogFull+
		s.DurableDroppedError+s.DurableDroppedDamaged+s.DurableDroppedTooLong, "%+v", s)
	return s
}

func TestDurableTopicsSurviveAnOutageOfNATS(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	atA, atB := join(t, a, orders("a", j.url())), join(t, b, orders("b", j.url()))
	positioned(t, atA, atB, a)
	r, local := newReceiver(t, b, "orders/x"), newReceiver(t, a, "orders/x")
	eventually(t, "the subscription does not arrive", func() bool { return atB.Stats().InterestLocal == 1 })
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 1000)
	inOrder(t, collect(t, r, 1000), 0)
	for round := 1; round <= 2; round++ {
		j.stop()
		eventually(t, "the outage is not noticed", func() bool { return !atA.Stats().Connected })
		publish(t, p, "orders/x", round*1000, round*1000+1000)
		eventually(t, "the backlog does not hold them", func() bool { return atA.Stats().DurableWaiting == 1000 })
		j.start()
		inOrder(t, collect(t, r, 1000), round*1000)
	}
	inOrder(t, collect(t, local, 3000), 0)
	s := durableBalance(t, atA)
	require.Zero(t, s.OutMessages, "they do not cross as other topics do")
	require.Zero(t, a.Stats().Unwanted, "the backlog has taken what no local receiver wants")
	lossless(t, r)
	lossless(t, local)
	balanced(t, atA, a)
	balanced(t, atB, b)
	nothing(t, r)
	nothing(t, local)
}

func TestASiteThatJoinsAgainGetsWhatItHasMissed(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	atA, atB := join(t, a, orders("a", j.url())), join(t, b, orders("b", j.url()))
	positioned(t, atA, atB, a)
	r := newReceiver(t, b, "orders/x")
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 500)
	inOrder(t, collect(t, r, 500), 0)
	require.NoError(t, atB.Close())
	publish(t, p, "orders/x", 500, 1500)
	durableBalance(t, atA)
	nothing(t, r)
	join(t, b, orders("b", j.url()))
	inOrder(t, collect(t, r, 1000), 500)
	lossless(t, r)
}

func TestABacklogWaitsForAnotherStart(t *testing.T) {
	j := startJetStream(t)
	dir := t.TempDir()
	a, b := newOffice(t), newOffice(t)
	o := orders("a", j.url())
	o.Backlog = backbone.Backlog{Dir: dir}
	atA, atB := join(t, a, o), join(t, b, orders("b", j.url()))
	positioned(t, atA, atB, a)
	r := newReceiver(t, b, "orders/x")
	p := newPublisher(t, a, "pub")
	j.stop()
	publish(t, p, "orders/x", 0, 1000)
	eventually(t, "the backlog does not hold them", func() bool { return atA.Stats().DurableWaiting == 1000 })
	require.NoError(t, atA.Close())
	_, err := backbone.Join(b, o)
	require.Equal(t, core.ESTATE, core.CodeOf(err))
	again, err := backbone.Join(a, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = again.Close() })
	require.Equal(t, uint64(1000), again.Stats().DurableResumed)
	other := newOffice(t)
	_, err = backbone.Join(other, o)
	require.ErrorContains(t, err, "uses this directory")
	j.start()
	inOrder(t, collect(t, r, 1000), 0)
	durableBalance(t, again)
	lossless(t, r)
}

func TestExportAndImportHoldForDurableTopics(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	from, to := orders("a", j.url()), orders("b", j.url())
	from.Export, to.Import = []string{"orders/out/", "orders/first"}, []string{"orders/out/in/", "orders/first"}
	atA, atB := join(t, a, from), join(t, b, to)
	positioned(t, atA, atB, a)
	r, none := newReceiver(t, b, "orders/out/"), newReceiver(t, b, "orders/x")
	p := newPublisher(t, a, "pub")
	publish(t, p, "orders/x", 0, 10)
	publish(t, p, "orders/out/x", 0, 20)
	publish(t, p, "orders/out/in/x", 0, 30)
	inOrder(t, collect(t, r, 30), 0)
	require.Equal(t, uint64(10), balanced(t, atA, a).DroppedDenied)
	require.Equal(t, uint64(20), atB.Stats().DurableDroppedDeniedIn)
	durableBalance(t, atA)
	nothing(t, r)
	nothing(t, none)
}

func TestACacheOfANewSiteHasTheLastValuesOfDurableTopics(t *testing.T) {
	j := startJetStream(t)
	a := newOffice(t)
	atA := join(t, a, orders("a", j.url()))
	p := newPublisher(t, a, "pub")
	for i := range 20 {
		publish(t, p, fmt.Sprintf("orders/%d", i), 0, 3)
	}
	durableBalance(t, atA)
	eventually(t, "not all envelopes arrive at the first site", func() bool { return atA.Stats().DurableOut == 60 })

	b := newOffice(t, "cache.depth", "1")
	join(t, b, orders("b", j.url()))
	eventually(t, "the cache is not warmed", func() bool { return b.Stats().CacheTopics == 20 })
	r := newReceiver(t, b, "orders/7")
	got := collect(t, r, 1)
	require.Equal(t, "2", string(got[0].Data))
	nothing(t, r)
	require.NoError(t, b.Stop(soon))
	require.NoError(t, b.Start())
	eventually(t, "the cache of another run is not warmed", func() bool { return b.Stats().CacheTopics == 20 })
}

func TestWrongOptionsOfDurableTopicsAreRefused(t *testing.T) {
	a := newOffice(t)
	_, err := backbone.Join(a, backbone.Options{Servers: []string{"nats://127.0.0.1:1"}, Backlog: backbone.Backlog{Dir: t.TempDir()}})
	require.ErrorContains(t, err, "none is named in Durable")
	_, err = backbone.Join(a, backbone.Options{Embedded: &backbone.Server{}, Durable: []backbone.Durable{{Prefix: "a"}}})
	require.ErrorContains(t, err, "Store")
	_, err = backbone.Join(a, backbone.Options{Embedded: &backbone.Server{Store: t.TempDir()}, Durable: []backbone.Durable{{Prefix: "a/"}, {Prefix: "a/b/"}}})
	require.ErrorContains(t, err, "in common")
	join(t, a, backbone.Options{Embedded: &backbone.Server{Store: t.TempDir()}, Durable: []backbone.Durable{{Prefix: "a/"}, {Prefix: "b/"}}})
}

// publishUntilKilled is a process with a post office and a publisher. It says how many of its
// envelopes are in the backlog.
func publishUntilKilled(url, dir, round string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	address := "ipc://" + filepath.Join(dir, "in")
	po, err := core.NewPostOffice(address, "ipc://"+filepath.Join(dir, "out"), "")
	fail(err)
	fail(po.Start())
	o := orders("a", url)
	o.Backlog.Dir = filepath.Join(dir, "backlog")
	b, err := backbone.Join(po, o)
	fail(err)
	p, err := core.NewPublisher(address, "round"+round)
	fail(err)
	fail(p.Set("ready.hold", soon.String()))
	fail(p.Start())
	for i := 0; ; i++ {
		fail(p.Publish("orders/"+round, "", fmt.Append(nil, i)))
		if i%10 == 9 {
			fmt.Println("appended", b.Stats().DurableAppended)
			time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
		}
	}
}

func TestAKilledPostOfficeLosesNothingOfItsBacklog(t *testing.T) {
	const rounds = 20
	j := startJetStream(t)
	b := newOffice(t)
	atB := join(t, b, orders("b", j.url()))
	r := newReceiver(t, b, "orders/")
	dir, err := os.MkdirTemp("", "durable")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	last := newOffice(t)
	atLast := join(t, last, orders("last", j.url()))
	positioned(t, atLast, atB, last)

	said := make([]int, rounds)
	for round := range rounds {
		away := round%3 == 1
		if away {
			j.stop()
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "HERMES_TEST_DURABLE_URL="+j.url(), "HERMES_TEST_DURABLE_DIR="+dir, fmt.Sprint("HERMES_TEST_DURABLE_ROUND=", round))
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		enough := 1 + rand.IntN(3000)
		for killed := false; lines.Scan(); {
			n, err := fmt.Sscanf(lines.Text(), "appended %d", &said[round])
			require.Equal(t, 1, n, "round %d: %s: %v", round, lines.Text(), err)
			if said[round] >= enough && !killed {
				killed = true
				require.NoError(t, child.Process.Kill())
			}
		}
		_ = child.Wait()
		require.GreaterOrEqual(t, said[round], enough)
		if away {
			j.start()
		}
	}
	// Another site takes the backlog over, under the same name, and sends what is left.
	require.NoError(t, atLast.Close())
	o := orders("a", j.url())
	o.Backlog.Dir = filepath.Join(dir, "backlog")
	durableBalance(t, join(t, last, o))
	p := newPublisher(t, last, "end")
	publish(t, p, "orders/end", 0, 1)
	next := make([]int, rounds)
	for end := time.Now().Add(soon); ; {
		e, err := r.Recv(time.Until(end))
		require.NoError(t, err, "said %v, got %v", said, next)
		var round, i int
		if strings.HasPrefix(e.Topic, "orders/end") {
			break
		} else if strings.HasPrefix(e.Topic, "orders/first") {
			continue
		}
		_, err = fmt.Sscanf(e.Topic, "orders/%d", &round)
		require.NoError(t, err)
		_, err = fmt.Sscan(string(e.Data), &i)
		require.NoError(t, err)
		require.Equal(t, next[round], i, "round %d: in order, and once", round)
		next[round]++
	}
	for round := range rounds {
		require.GreaterOrEqual(t, next[round], said[round], "round %d", round)
	}
	lossless(t, r)
}
