package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

func TestAPostOfficeDoesNotFollowItself(t *testing.T) {
	for _, c := range []struct{ in, out, debug string }{
		{"tcp://127.0.0.1:*,>tcp://127.0.0.1:PORT", "tcp://127.0.0.1:PORT", ""},
		{"tcp://127.0.0.1:*,>tcp://localhost:PORT", "tcp://*:PORT", ""},
		{"tcp://127.0.0.1:*,>tcp://127.0.0.1:PORT", "tcp://127.0.0.1:*", "tcp://0.0.0.0:PORT"},
		{"tcp://127.0.0.1:PORT", "tcp://127.0.0.1:*,>tcp://0.0.0.0:PORT", ""},
		{"tcp://*:PORT", "tcp://127.0.0.1:*", ">tcp://127.0.0.1:PORT"},
		{"tcp://127.0.0.1:*,>ipc://DIR/s", "ipc://DIR/s", ""},
	} {
		eachEngine(t, func(t *testing.T, engine string) {
			port, dir := freePort(t), shortDir(t)
			at := func(s string) string { return strings.NewReplacer("PORT", port, "DIR", dir).Replace(s) }
			po, err := NewPostOffice(at(c.in), at(c.out), at(c.debug))
			require.NoError(t, err)
			set(t, po, "engine", engine)
			code(t, EADDRESS, po.Start(), "endlessly")
			require.Equal(t, "new", get(t, po, "state"))
		})
	}
}

// ring is post offices of which each follows the one before it.
func ring(t *testing.T, order []int) []*PostOffice {
	t.Helper()
	n := len(order)
	offices, out := make([]*PostOffice, n), make([]string, n)
	dir := shortDir(t) // whose names are ours alone, as those of ports are not
	for i := range out {
		out[i] = fmt.Sprintf("ipc://%s/%d", dir, i)
	}
	for _, i := range order {
		po, err := NewPostOffice("tcp://127.0.0.1:*,>"+out[(i+n-1)%n], out[i], "")
		require.NoError(t, err)
		set(t, po, "engine", "zmtp", "reconnect.min", "10ms", "reconnect.max", "100ms")
		require.NoError(t, po.Start())
		t.Cleanup(func() { _ = po.Close() })
		offices[i] = po
	}
	return offices
}

func TestACycleOfPostOfficesIsNoticedAndBroken(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}, {3, 1, 0, 2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			offices := ring(t, order)
			events := make(chan Event, len(offices))
			for _, po := range offices {
				go func() {
					for {
						e, err := po.NextEvent(-1)
						if err != nil {
							return
						}
						if e.Kind == "cycle" {
							events <- e
						}
					}
				}()
			}
			for _, po := range offices {
				r := newReceiver(t, "zmtp", strings.Split(get(t, po, "endpoint.out"), ",")[0])
				go func() {
					for {
						if _, err := r.Recv(-1); err != nil {
							return
						}
					}
				}()
			}
			p := newPublisher(t, "zmtp", strings.Split(get(t, offices[0], "endpoint.in"), ",")[0])
			for range 10 {
				require.NoError(t, p.Publish("t", "", []byte("1")))
			}
			select {
			case e := <-events:
				require.Equal(t, notify.Error, e.Level)
				require.Contains(t, e.Text, "cycle")
			case <-time.After(soon):
				require.Fail(t, "the cycle was not noticed")
			}
			for range 10 {
				require.NoError(t, p.Publish("t", "", []byte("1")))
			}
			settled(t, offices)
			require.EqualValues(t, 20, offices[0].Stats().InMessages)
		})
	}
}

// TestACycleIsToldOnce: with one error of each post office that ends a connection, as both
// may at first, and not also with warnings about the connection.
func TestACycleIsToldOnce(t *testing.T) {
	offices := ring(t, []int{0, 1})
	told := map[string]int{}
	name := []string{"first", "second"}
	for ended := 0; ended < 20; { // the connection is tried again, and ended each time
		for i, po := range offices {
			for e, err := po.NextEvent(time.Millisecond); err == nil; e, err = po.NextEvent(0) {
				if e.Level != notify.Info {
					told[e.Kind+" "+name[i]]++
				}
				if e.Kind == "disconnected" && strings.Contains(e.Text, "cycle") {
					ended++
				}
			}
		}
	}
	require.NotEmpty(t, told)
	for kind, count := range told {
		require.Contains(t, []string{"cycle first", "cycle second"}, kind)
		require.Equal(t, 1, count, kind)
	}
	problem := offices[0].Stats().Problem + offices[1].Stats().Problem
	require.True(t, problem == "" || strings.Contains(problem, "connect only one of the two post offices"), problem)
}

// settled waits until nothing goes through post offices any more.
func settled(t *testing.T, offices []*PostOffice) {
	t.Helper()
	for end, last := time.Now().Add(soon), uint64(0); ; {
		time.Sleep(100 * time.Millisecond)
		sum := uint64(0)
		for _, po := range offices {
			sum += po.Stats().InMessages
		}
		if sum == last && offices[0].Stats().InMessages >= 20 {
			return
		}
		require.True(t, time.Now().Before(end), "messages still circulate: %d", sum)
		last = sum
	}
}

// TestAChainOfPostOfficesIsNoCycle, however it branches and meets again.
func TestAChainOfPostOfficesIsNoCycle(t *testing.T) {
	out, dir := make([]string, 4), shortDir(t)
	for i := range out {
		out[i] = fmt.Sprintf("ipc://%s/%d", dir, i)
	}
	follow := [][]int{{}, {0}, {0}, {1, 2}}
	var offices []*PostOffice
	for i := len(follow) - 1; i >= 0; i-- {
		in := "tcp://127.0.0.1:*"
		for _, from := range follow[i] {
			in += ",>" + out[from]
		}
		po, err := NewPostOffice(in, out[i], "")
		require.NoError(t, err)
		set(t, po, "reconnect.min", "10ms", "reconnect.max", "100ms")
		require.NoError(t, po.Start())
		t.Cleanup(func() { _ = po.Close() })
		offices = append([]*PostOffice{po}, offices...)
	}
	r := newReceiver(t, "auto", out[3])
	p := newPublisher(t, "auto", strings.Split(get(t, offices[0], "endpoint.in"), ",")[0])
	require.NoError(t, p.WaitReady(soon))
	require.NoError(t, p.Publish("t", "", []byte("1")))
	collect(t, r, 1)
	for _, po := range offices {
		for {
			e, err := po.NextEvent(0)
			if err != nil {
				break
			}
			require.NotEqual(t, "cycle", e.Kind)
		}
	}
}
