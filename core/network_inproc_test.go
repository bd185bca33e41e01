package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestWithinAProcessTheOrderOfStartsDoesNotMatter: what is bound last is found at once, though
// connections that fail are tried again only after an hour.
func TestWithinAProcessTheOrderOfStartsDoesNotMatter(t *testing.T) {
	patient := []string{"reconnect.min", "1h", "reconnect.max", "1h"}
	r := newReceiver(t, "auto", "inproc://order-out", patient...)
	p := newPublisher(t, "auto", "inproc://order-in", patient...)
	require.NoError(t, p.Publish("t", "", []byte("0")))
	told(t, r, "cannot connect to inproc://order-out: connection refused: nothing in this process has bound this name")
	for run := range 3 {
		po, err := NewPostOffice("inproc://order-in", "inproc://order-out", "")
		require.NoError(t, err)
		require.NoError(t, po.Start())
		require.NoError(t, p.WaitReady(soon))
		require.Equal(t, []Envelope{{Topic: "t", Origin: "pub", Data: []byte(strconv.Itoa(run))}}, bare(collect(t, r, 1)))
		second, err := NewReceiver("@inproc://order-out", "second")
		require.NoError(t, err)
		code(t, EADDRINUSE, second.Start(), "inproc://order-out")
		require.NoError(t, po.Close())
		require.NoError(t, second.Start(), "the name is free again")
		require.NoError(t, second.Close())
		require.NoError(t, p.Publish("t", "", []byte(strconv.Itoa(run+1))))
	}
}

func bare(all []Envelope) (out []Envelope) {
	for _, e := range all {
		out = append(out, Envelope{Topic: e.Topic, Origin: e.Origin, Data: e.Data})
	}
	return out
}

// TestEveryPolicyOfAPostOfficeHoldsWithinAProcess: a receiver that takes nothing, and what is left for it.
func TestEveryPolicyOfAPostOfficeHoldsWithinAProcess(t *testing.T) {
	const n, size = 3000, 2000
	for _, policy := range []string{"auto", "block", "drop_new", "drop_old", "latest_per_topic"} {
		t.Run(policy, func(t *testing.T) {
			po := newOffice(t, inprocess, "queue.full", policy, "queue.messages", "100")
			r := slowReceiver(t, get(t, po, "endpoint.out"))
			require.NoError(t, r.Subscribe("t"))
			require.NoError(t, r.WaitReady(soon))
			p := newPublisher(t, "auto", get(t, po, "endpoint.in"), "queue.block", soon.String(), "queue.messages", "100")
			require.NoError(t, p.WaitReady(soon))
			done := make(chan error, 1)
			go func() {
				for i := range n {
					if err := p.Publish(fmt.Sprintf("t%d", i%5), "", fmt.Appendf(nil, `[%d,"%0*d"]`, i, size, 0)); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			held := policy == "auto" || policy == "block"
			if held {
				testkit.Eventually(t, func() bool { return po.Stats().Throttled > 0 }, "the publisher is held back")
			} else {
				require.NoError(t, testkit.Receive(t, done, "the publisher"))
				testkit.Eventually(t, func() bool { return po.Stats().InMessages == n }, "all")
			}
			got := 0
			for held && got < n || !held && got == 0 {
				d, err := r.Take(1000, soon)
				require.NoError(t, err)
				got += d.Len()
				d.Release()
			}
			if held {
				require.NoError(t, testkit.Receive(t, done, "the publisher"))
			}
			testkit.Eventually(t, func() bool {
				s := po.Stats()
				return s.InMessages == n && s.OutMessages+s.Dropped+s.Unwanted == n
			}, "the sums")
			if held {
				require.Zero(t, po.Stats().Dropped)
				require.EqualValues(t, n, r.Stats().Arrived)
			}
		})
	}
}

// TestHistoryHealsARestartWithinAProcess: a receiver that asks for history gets what was published while
// it had no post office, once and in order.
func TestHistoryHealsARestartWithinAProcess(t *testing.T) {
	a := newArchive(t)
	start := func() *PostOffice {
		po, err := NewPostOffice("inproc://restart-in", "inproc://restart-out", "")
		require.NoError(t, err)
		require.NoError(t, po.Start())
		require.NoError(t, embed.OfficeOf(po).Join(a))
		return po
	}
	po := start()
	p := newPublisher(t, "auto", "inproc://restart-in")
	r := newReceiver(t, "auto", "inproc://restart-out", "since", "all", "on_slow", "ignore")
	const n, rounds = 100, 5
	for round := range rounds {
		publishNumbers(t, p, "kept/a", round*n, (round+1)*n)
		testkit.Eventually(t, func() bool { return a.size() == (round+1)*n }, "it is stored")
		if round%2 == 0 { // otherwise what is stored has not been read when the post office ends
			testkit.Eventually(t, func() bool { return r.Stats().Arrived >= uint64((round+1)*n) }, "it has come")
		}
		require.NoError(t, po.Close())
		po = start()
	}
	defer po.Close()
	requireCount(t, r, rounds*n)
	require.Zero(t, r.Stats().Lost)
}

// TestStateIsPublishedWithinAProcess, and goes only to those that subscribe to it.
func TestStateIsPublishedWithinAProcess(t *testing.T) {
	po := newOffice(t, inprocess, "stats.interval", "10ms")
	all, state := newReceiver(t, "auto", get(t, po, "endpoint.out")), newReceiver(t, "auto", get(t, po, "endpoint.out"))
	require.NoError(t, all.Subscribe(""))
	require.NoError(t, state.Subscribe("$hermes/"))
	e := collect(t, state, 1)[0]
	require.Contains(t, e.Topic, "$hermes/")
	p := newPublisher(t, "auto", get(t, po, "endpoint.in"))
	require.NoError(t, p.Publish("t", "", []byte("1")))
	require.Equal(t, "t", collect(t, all, 1)[0].Topic)
}

// TestAComponentOfThisProcessIsAUserByItsUID, as a program that connects over ipc is.
func TestAComponentOfThisProcessIsAUserByItsUID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "[users.me]\nuids = [%d]\n[[allow]]\nusers = [\"me\"]\nsubscribe = [\"mine/\"]\n", os.Getuid()), 0o600))
	po, err := NewPostOffice("tcp://127.0.0.1:*", "inproc://users", "")
	require.NoError(t, err)
	set(t, po, "policy", path)
	require.NoError(t, po.Start())
	defer po.Close()
	r := newReceiver(t, "auto", "inproc://users")
	require.NoError(t, r.Subscribe("mine/"))
	require.NoError(t, r.WaitReady(soon))
	testkit.Eventually(t, func() bool {
		s := po.Stats().Subscribers
		return len(s) == 1 && s[0].User == "me"
	}, "the user")
}

// BenchmarkWithinAProcess compares our names with those of libzmq, through a post office.
func BenchmarkWithinAProcess(b *testing.B) {
	for _, engine := range engines() {
		b.Run(engine, func(b *testing.B) {
			n := inprocNames.Add(1)
			po := newOfficeAt(b, fmt.Sprintf("inproc://in %d", n), fmt.Sprintf("inproc://out %d", n), "engine", engine)
			endToEnd(b, po, engine)
		})
	}
}
