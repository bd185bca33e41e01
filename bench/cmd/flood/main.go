// Command flood measures what hostile handshakes cost others: the rate of a publisher and a receiver
// through a post office, with and without a process that floods its locked address, in turn.
//
//	flood [KIND] [PAIRS [SECONDS]]         the measurement, in pairs of windows; build/hermes is the post office
//	flood [KIND] memory [COUNT]            what memory the post office holds after so many handshakes, a million by default
//	flood attack KIND ADDRESS KEY [COUNT]  the flood, until it is killed or has made COUNT; prints how many it has made
//
// Kinds of floods are:
//
//	curve   handshakes of CURVE
//	tls     handshakes of TLS: a ClientHello that ends anywhere, one valid ClientHello again and again, certificates
//	        that are not known, and none
//	silent  peers of an address of TLS that fall silent: before their first byte, in the middle of a ClientHello, and behind it
//
// The flood has all limits at their defaults to fight with, that of CURVE: greetings that end anywhere, HELLO for another
// server, INITIATE that was changed, keys that are not known, and one valid HELLO again and again, which
// costs the attacker nothing. It runs at nice 10: a machine of its own would leave the processors
// to the others.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// The kinds of floods.
const (
	curveKind = "curve"
	tlsKind   = "tls"
	silent    = "silent"
)

func main() {
	kind, words := curveKind, os.Args[1:]
	if len(words) > 0 && slices.Contains([]string{curveKind, tlsKind, silent}, words[0]) {
		kind, words = words[0], words[1:]
	}
	switch {
	case len(words) == 4 && words[0] == "attack":
		attack(words[1], words[2], words[3])
	case len(words) == 5 && words[0] == "attack":
		attackTimes(words[1], words[2], words[3], int64(number(words[4])))
		return
	case len(words) == 1 && words[0] == "memory":
		memory(kind, 1_000_000)
		return
	case len(words) == 2 && words[0] == "memory":
		memory(kind, int64(number(words[1])))
		return
	}
	pairs, seconds := 9, 2.0
	if len(words) > 0 {
		pairs = int(number(words[0]))
	}
	if len(words) > 1 {
		seconds = number(words[1])
	}
	for _, locked := range []bool{false, true} {
		measure(kind, locked, pairs, time.Duration(seconds*float64(time.Second)))
	}
}

// settled is how long a flood lasts before it is measured: the post office takes some time to find out.
const settled = 2 * time.Second

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1)
	}
}

// office is a post office with a plain and a locked address on each side.
type office struct {
	cmd           *exec.Cmd
	kind          string
	dir           string
	plain, locked [2]string // in, out
	key           string    // of CURVE, of the office
	pin           string    // of its certificate
}

func newOffice(kind string, flags ...string) *office {
	dir, err := os.MkdirTemp("", "flood")
	must(err)
	o := &office{dir: dir, kind: kind, plain: [2]string{"tcp://127.0.0.1:27101", "tcp://127.0.0.1:27102"}, locked: [2]string{"tcp://127.0.0.1:27103", "tcp://127.0.0.1:27104"}}
	for _, name := range []string{"office", "client"} {
		pair, err := curve.Generate()
		must(err)
		_, _, err = pair.WriteFiles(filepath.Join(dir, name))
		must(err)
		if name == "office" {
			o.key = pair.Public.String()
		}
	}
	keys := []string{"--set", "curve.secret=" + filepath.Join(dir, "office.key_secret"), "--set", "curve.clients=" + filepath.Join(dir, "client.key")}
	if kind != curveKind {
		keys = o.certify()
	}
	arguments := append([]string{"postoffice", "--in", "plain+" + o.plain[0] + "," + o.locked[0], "--out", "plain+" + o.plain[1] + "," + o.locked[1]}, append(keys, flags...)...)
	o.cmd = exec.Command("build/hermes", arguments...)
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	must(o.cmd.Start())
	return o
}

func (o *office) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	_ = o.cmd.Wait()
	_ = os.RemoveAll(o.dir)
}

// pair publishes and receives at full rate, and counts.
func (o *office) pair(locked bool) (received *atomic.Int64, stop func()) {
	at := [2]string{"plain+" + o.plain[0], "plain+" + o.plain[1]}
	if locked {
		at = o.locked
	}
	p, err := core.NewPublisher(at[0], "feed")
	must(err)
	r, err := core.NewReceiver(at[1], "screen")
	must(err)
	must(r.Set("queue.full", "block"))
	must(r.Set("on_slow", "ignore"))
	must(p.Set("queue.block", "1m"))
	for _, c := range []core.Component{r, p} {
		o.unlock(c)
		must(c.Start())
	}
	must(r.WaitReady(time.Minute))
	must(p.WaitReady(time.Minute))
	received = new(atomic.Int64)
	go func() {
		data := []byte("[187.23,100]")
		for {
			if err := p.Publish("ticks/one", "", data); err != nil {
				stopped(err)
				return
			}
		}
	}()
	go func() {
		for {
			d, err := r.Take(10_000, time.Minute)
			if err != nil {
				stopped(err)
				return
			}
			received.Add(int64(d.Len()))
			d.Release()
		}
	}()
	return received, func() {
		_ = p.Stop(0)
		_ = p.Close()
		_ = r.Close()
	}
}

// unlock gives a component the keys that the office knows.
func (o *office) unlock(c core.Component) {
	file := func(name string) string { return filepath.Join(o.dir, name) }
	if o.kind == curveKind {
		must(c.Set("curve.secret", file("client.key_secret")))
		must(c.Set("curve.server", file("office.key")))
		return
	}
	must(c.Set("tls.cert", file("client.pem")))
	must(c.Set("tls.pins", o.pin))
}

// target is the host and port that is attacked.
func (o *office) target() string {
	_, at, _ := strings.Cut(o.locked[0], "://")
	return at
}

// join is how long a further client takes to connect to the locked address, in ms.
func (o *office) join() float64 {
	p, err := core.NewPublisher(o.locked[0], "late")
	must(err)
	defer func() { _ = p.Close() }()
	o.unlock(p)
	must(p.Set("reconnect.min", "10ms"))
	must(p.Set("reconnect.max", "100ms"))
	began := time.Now()
	must(p.Start())
	must(p.WaitReady(time.Minute))
	return time.Since(began).Seconds() * 1000
}

// stopped ends the measurement, unless err is that of its end.
func stopped(err error) {
	if c := core.CodeOf(err); c != core.ESTOPPED && c != core.ESTATE {
		must(err)
	}
}

// processorTime is what a process has used.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(err)
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	return time.Duration(number(fields[11])+number(fields[12])) * 10 * time.Millisecond
}

// window is what happened in some time.
type window struct {
	rate, cost float64 // envelopes a second; µs of the post office's for one
}

func (o *office) watch(received *atomic.Int64, d time.Duration) window {
	n, used, began := received.Load(), processorTime(o.cmd.Process.Pid), time.Now()
	time.Sleep(d)
	envelopes := float64(received.Load() - n)
	return window{envelopes / time.Since(began).Seconds(), float64((processorTime(o.cmd.Process.Pid) - used).Microseconds()) / envelopes}
}

// flood runs f while another process attacks, and tells how many handshakes that has made, and which part
// of one processor it has used.
func (o *office) flood(f func()) (handshakes, share float64) {
	self, err := os.Executable()
	must(err)
	attacker := exec.Command("nice", "-n", "10", self, "attack", o.kind, o.target(), o.key)
	attacker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := attacker.StdoutPipe()
	must(err)
	began := time.Now()
	must(attacker.Start())
	lines := bufio.NewScanner(out)
	lines.Scan() // the first handshake has been made
	time.Sleep(settled)
	f()
	must(attacker.Process.Signal(syscall.SIGTERM))
	lines.Scan()
	must(attacker.Wait())
	used := attacker.ProcessState.UserTime() + attacker.ProcessState.SystemTime()
	return number(lines.Text()), used.Seconds() / time.Since(began).Seconds()
}

func measure(kind string, locked bool, pairs int, d time.Duration) {
	o := newOffice(kind)
	defer o.stop()
	received, stop := o.pair(locked)
	defer stop()
	o.watch(received, d) // to become steady
	var rates, costs, added []float64
	var alone, theirs, joined []float64
	made := 0.0
	for range pairs {
		without := o.watch(received, d)
		var with window
		handshakes, share := o.flood(func() {
			with = o.watch(received, d)
			joined = append(joined, o.join())
		})
		made += handshakes
		theirs = append(theirs, 100*share)
		rates = append(rates, with.rate/without.rate)
		costs = append(costs, with.cost/without.cost)
		alone = append(alone, without.rate)
		added = append(added, (with.cost-without.cost)*with.rate/1e4) // % of one processor
		time.Sleep(200 * time.Millisecond)
	}
	name := "plain"
	switch {
	case locked && kind == curveKind:
		name = "CURVE"
	case locked:
		name = "TLS"
	}
	fmt.Printf("%s: rate with the flood ÷ without: %s\n  envelopes a second without: %.2f million\n  processor time of the post office for one envelope, with ÷ without: %s\n", name, spread(rates), median(alone)/1e6, spread(costs))
	fmt.Printf("  of one processor: %s %% more for the post office, %s %% for the flood; handshakes: %.0f\n  a further client with the right keys is connected within %s ms\n", spread(added), spread(theirs), made, spread(joined))
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}

func spread(all []float64) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", median(all), slices.Min(all), slices.Max(all))
}
