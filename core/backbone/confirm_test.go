package backbone_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// officeOfItsOwn is a post office in a process that can be killed.
type officeOfItsOwn struct {
	t     testing.TB
	dir   string
	url   string
	child *exec.Cmd
}

func (o *officeOfItsOwn) address(side string) string { return "ipc://" + filepath.Join(o.dir, side) }

func (o *officeOfItsOwn) start() {
	o.t.Helper()
	o.child = exec.Command(os.Args[0])
	o.child.Env = append(os.Environ(), "HERMES_TEST_OFFICE_URL="+o.url, "HERMES_TEST_OFFICE_DIR="+o.dir)
	out, err := o.child.StdoutPipe()
	require.NoError(o.t, err)
	_, err = o.child.StdinPipe() // which ends with this process
	require.NoError(o.t, err)
	require.NoError(o.t, o.child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(o.t, err)
	require.Equal(o.t, "runs\n", line)
}

func (o *officeOfItsOwn) kill() {
	o.t.Helper()
	require.NoError(o.t, o.child.Process.Kill())
	_ = o.child.Wait()
}

// runOffice is that process.
func runOffice(url, dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	po, err := core.NewPostOffice("ipc://"+filepath.Join(dir, "in"), "ipc://"+filepath.Join(dir, "out"), "")
	fail(err)
	o := orders("a", url)
	o.Backlog.Dir = filepath.Join(dir, "backlog")
	_, err = backbone.Join(po, o)
	fail(err)
	fail(po.Start())
	fmt.Println("runs")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// startOffice starts one, with another site that gets everything from now on.
func startOffice(t testing.TB, url string) *officeOfItsOwn {
	t.Helper()
	dir, err := os.MkdirTemp("", "confirm") // the paths of sockets are short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := &officeOfItsOwn{t: t, dir: dir, url: url}
	o.start()
	t.Cleanup(func() {
		if o.child.ProcessState == nil {
			o.kill()
		}
	})
	return o
}

func publisherAt(t testing.TB, address string, pairs ...string) *core.Publisher {
	t.Helper()
	p, err := core.NewPublisher(address, "pub")
	require.NoError(t, err)
	set(t, p, append([]string{"ready.hold", soon.String(), "reconnect.min", "20ms", "reconnect.max", "100ms"}, pairs...)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func receiverAt(t testing.TB, address string, pairs ...string) *core.Receiver {
	t.Helper()
	r, err := core.NewReceiver(address, "rec")
	require.NoError(t, err)
	set(t, r, append([]string{"on_slow", "ignore", "reconnect.min", "20ms", "reconnect.max", "100ms"}, pairs...)...)
	require.NoError(t, r.Subscribe("orders/x"))
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// rounds is how often something is killed: more in a long run.
func rounds(t testing.TB) int {
	n := 2
	if s := os.Getenv("FAULT_ROUNDS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	return n
}

// TestNothingIsLostWhenThePostOfficeOfThePublisherIsKilled: at any moment of a flow.
func TestNothingIsLostWhenThePostOfficeOfThePublisherIsKilled(t *testing.T) {
	j := startJetStream(t)
	b := newOffice(t)
	atB := join(t, b, orders("b", j.url()))
	first := newOffice(t)
	atFirst := join(t, first, orders("first", j.url()))
	positioned(t, atFirst, atB, first)
	require.NoError(t, atFirst.Close())

	o := startOffice(t, j.url())
	remote := newReceiver(t, b, "orders/x")
	local := receiverAt(t, o.address("out"), "since", "all", "queue.full", "block", "queue.block", "1h")
	require.NoError(t, local.WaitReady(soon))
	p := publisherAt(t, o.address("in"), "queue.messages", "5000", "queue.block", soon.String())

	over, published := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { published <- n }()
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := p.Publish("orders/x", "", fmt.Append(nil, n)); err != nil {
				t.Error(err)
				return
			}
			if n++; n%50 == 0 {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
			}
		}
	}()
	next := 0
	// Perhaps nothing waits for its confirmation in the moments of the kills: then there are further ones.
	for round, least := 0, rounds(t); round < least || p.Stats().Resent == 0 && round < 50; round++ {
		more := 1 + rand.IntN(5000)
		inOrder(t, collect(t, remote, more), next)
		next += more
		o.kill()
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		o.start()
	}
	close(over)
	n := <-published
	inOrder(t, collect(t, remote, n-next), next)
	inOrder(t, collect(t, local, n), 0)
	lossless(t, remote)
	lossless(t, local)
	require.NoError(t, p.Stop(soon))
	s := p.Stats()
	require.Positive(t, s.Resent)
	require.EqualValues(t, []any{n, n, 0, 0}, []any{int(s.Accepted), int(s.Sent), int(s.Retained), int(s.Unconfirmed)})
	nothing(t, remote)
	nothing(t, local)
}

// TestAFullBacklogHoldsBackPublishers: what it has no room for is not confirmed, waits at the publisher, and
// comes when there is room.
func TestAFullBacklogHoldsBackPublishers(t *testing.T) {
	j := startJetStream(t)
	a, b := newOffice(t), newOffice(t)
	o := orders("a", j.url())
	o.Backlog.MaxBytes, o.QueueMessages = 1<<20, 100
	atA, atB := join(t, a, o), join(t, b, orders("b", j.url()))
	positioned(t, atA, atB, a)
	r := newReceiver(t, b, "orders/x")
	p := newPublisher(t, a, "pub", "queue.messages", "100", "queue.block", "1s")
	publish(t, p, "orders/x", 0, 1)
	inOrder(t, collect(t, r, 1), 0)
	j.stop()
	data := fmt.Appendf(nil, `"%01000d"`, 7)
	accepted := 1
	var err error
	for end := time.Now().Add(soon); err == nil; accepted++ {
		require.True(t, time.Now().Before(end), "it takes everything")
		err = p.Publish("orders/x", "", data)
	}
	accepted--
	require.Equal(t, core.EFULL, core.CodeOf(err))
	require.Positive(t, p.Stats().Retained)
	require.EqualValues(t, 1, p.Stats().DroppedFull)
	j.start()
	got := collect(t, r, accepted-1)
	require.Len(t, got, accepted-1)
	lossless(t, r)
	eventually(t, "not all is confirmed", func() bool { return p.Stats().Retained == 0 })
	s := durableBalance(t, atA)
	require.Equal(t, [3]uint64{}, [3]uint64{s.DurableDroppedQueueFull, s.DurableDroppedBacklogFull, s.DurableDroppedError})
	require.NoError(t, p.Stop(soon))
}

// TestAPublisherTellsWhatWasNotConfirmed: its post office is gone when it stops.
func TestAPublisherTellsWhatWasNotConfirmed(t *testing.T) {
	j := startJetStream(t)
	a := newOffice(t)
	o := orders("a", j.url())
	o.Backlog.MaxBytes, o.QueueMessages = 64<<10, 100
	join(t, a, o)
	p := newPublisher(t, a, "pub", "queue.block", soon.String())
	require.NoError(t, p.WaitReady(soon))
	publish(t, p, "orders/x", 0, 10)
	eventually(t, "they are not confirmed", func() bool { s := p.Stats(); return s.Sent == 10 && s.Retained == 0 })
	j.stop()
	publish(t, p, "orders/x", 10, 3000)
	eventually(t, "the backlog is not full", func() bool { s := p.Stats(); return s.Queued == 0 && s.Retained > 0 })
	err := p.Stop(0)
	require.Equal(t, core.ETIMEOUT, core.CodeOf(err))
	require.ErrorContains(t, err, "has not confirmed")
	s := p.Stats()
	require.Positive(t, s.Unconfirmed)
	require.Zero(t, s.Retained)
	require.EqualValues(t, 3000, s.Accepted)
	require.EqualValues(t, 3000, s.Sent+s.DroppedStop)
}

// TestWhatIsDurableSurvivesAPostOfficeWithinTheProcess: what it has not confirmed when it ends is sent again
// to the next one of its name.
func TestWhatIsDurableSurvivesAPostOfficeWithinTheProcess(t *testing.T) {
	const in, out, n, rounds = "inproc://durable-in", "inproc://durable-out", 2000, 3
	j := startJetStream(t)
	b := newOffice(t)
	atB := join(t, b, orders("b", j.url()))
	a := officeAt(t, in, out)
	atA := join(t, a, orders("a", j.url()))
	positioned(t, atA, atB, a)
	remote := newReceiver(t, b, "orders/x")
	local := receiverAt(t, out, "since", "all")
	require.NoError(t, local.WaitReady(soon))
	p := publisherAt(t, in, "queue.block", soon.String())
	for round := range rounds {
		publish(t, p, "orders/x", round*n, (round+1)*n)
		eventually(t, "nothing is sent", func() bool { return p.Stats().Sent > uint64(round*n) })
		_ = a.Close() // with what it has not confirmed, as a rule
		_ = atA.Close()
		a = officeAt(t, in, out)
		atA = join(t, a, orders("a", j.url()))
	}
	inOrder(t, collect(t, remote, rounds*n), 0)
	inOrder(t, collect(t, local, rounds*n), 0)
	lossless(t, remote)
	lossless(t, local)
	require.NoError(t, p.Stop(soon))
	s := p.Stats()
	require.Equal(t, []int{rounds * n, 0, 0}, []int{int(s.Sent), int(s.Retained), int(s.Unconfirmed)})
}
