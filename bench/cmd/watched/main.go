// Command watched measures what it costs a post office that it is watched: the rate of a publisher and a
// receiver through two post offices in turn, one of which publishes its state, serves HTTP with metrics of
// peers, is scraped every second, has a page with a running tail open, and logs JSON; and the memory of both.
//
//	watched [PAIRS [SECONDS]]     build/hermes is the post office
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

func main() {
	pairs, seconds := 9, 2.0
	if len(os.Args) > 1 {
		pairs = int(number(os.Args[1]))
	}
	if len(os.Args) > 2 {
		seconds = number(os.Args[2])
	}
	measure(pairs, time.Duration(seconds*float64(time.Second)))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "watched:", err)
		os.Exit(1)
	}
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	must(err)
	return n
}

// office is a post office, and where it is.
type office struct {
	cmd           *exec.Cmd
	in, out, http string
}

// open starts a post office, watched or not.
func open(watched bool) *office {
	flags := []string{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*"}
	if watched {
		flags = append(flags, "--http", "127.0.0.1:0", "--http-peer-metrics", "--log-format", "json", "--log-level", "debug")
	} else {
		flags = append(flags, "--set", "stats.interval=0")
	}
	o := &office{cmd: exec.Command("build/hermes", flags...)}
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := o.cmd.StdoutPipe()
	must(err)
	must(o.cmd.Start())
	var at map[string]string
	must(json.NewDecoder(out).Decode(&at))
	o.in, o.out, o.http = at["in"], at["out"], at["http"]
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return o
}

func (o *office) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	_ = o.cmd.Wait()
}

// watch does what a dashboard and a Prometheus do, and subscribes to its state.
func (o *office) watch() {
	base := o.http
	if !strings.HasPrefix(base, "http") {
		base = "http://" + base
	}
	for _, path := range []string{"/v1/live", "/v1/subscribe?topic=&rate=50"} { // as the page asks for them
		page, err := http.Get(base + path)
		must(err)
		if page.StatusCode != http.StatusOK {
			must(fmt.Errorf("%s answers %s", path, page.Status))
		}
		go func() { _, _ = io.Copy(io.Discard, page.Body) }()
	}
	go func() {
		for range time.Tick(time.Second) {
			answer, err := http.Get(base + "/metrics")
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	}()
	r, err := core.NewReceiver(o.out, "watcher")
	must(err)
	must(r.Subscribe("$hermes/"))
	must(r.Set("on_slow", "ignore"))
	must(r.Start())
	go func() {
		for {
			if _, err := r.Recv(time.Minute); err != nil && core.CodeOf(err) != core.ETIMEOUT {
				return
			}
		}
	}()
}

// pair publishes and receives at full rate while running says so, and counts.
func (o *office) pair(running *atomic.Bool) *atomic.Int64 {
	p, err := core.NewPublisher(o.in, "feed")
	must(err)
	r, err := core.NewReceiver(o.out, "screen")
	must(err)
	must(r.Set("queue.full", "block"))
	must(r.Set("on_slow", "ignore"))
	must(p.Set("queue.block", "1m"))
	must(r.Start())
	must(p.Start())
	must(r.WaitReady(time.Minute))
	must(p.WaitReady(time.Minute))
	received := new(atomic.Int64)
	go func() {
		data := []byte("[187.23,100]")
		for {
			if !running.Load() {
				time.Sleep(time.Millisecond)
				continue
			}
			for range 1000 {
				must(p.Publish("ticks/one", "", data))
			}
		}
	}()
	go func() {
		for {
			d, err := r.Take(10_000, time.Minute)
			if core.CodeOf(err) == core.ETIMEOUT {
				continue
			}
			must(err)
			received.Add(int64(d.Len()))
			d.Release()
		}
	}()
	return received
}

// window is what happened in some time.
type window struct {
	rate, cost float64 // envelopes a second; ns of the post office's for one
}

// run lets a pair publish for a while.
func (o *office) run(running *atomic.Bool, received *atomic.Int64, d time.Duration) window {
	running.Store(true)
	defer func() {
		running.Store(false)
		time.Sleep(200 * time.Millisecond)
	}()
	time.Sleep(200 * time.Millisecond)
	n, used, began := received.Load(), o.used(), time.Now()
	time.Sleep(d)
	envelopes := float64(received.Load() - n)
	return window{envelopes / time.Since(began).Seconds(), float64((o.used() - used).Nanoseconds()) / envelopes}
}

// used is the processor time of the post office.
func (o *office) used() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.cmd.Process.Pid))
	must(err)
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	return time.Duration(number(fields[11])+number(fields[12])) * 10 * time.Millisecond
}

// resident is the greatest memory that the post office has held, in MiB.
func (o *office) resident() float64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	must(err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); fields[0] == "VmHWM:" {
			return number(fields[1]) / 1024
		}
	}
	return 0
}

func measure(pairs int, d time.Duration) {
	var offices [2]*office
	var running [2]atomic.Bool
	var received [2]*atomic.Int64
	for i := range offices {
		offices[i] = open(i == 1)
		defer offices[i].stop()
		received[i] = offices[i].pair(&running[i])
	}
	offices[1].watch()
	var rates, costs []float64
	for n := range 2 * pairs {
		var seen [2]window
		for k := range 2 {
			i := (n + k) % 2
			seen[i] = offices[i].run(&running[i], received[i], d/2)
		}
		rates = append(rates, seen[1].rate/seen[0].rate)
		costs = append(costs, seen[1].cost/seen[0].cost)
	}
	fmt.Printf("rate watched ÷ not: %s\nprocessor time of the post office for one envelope, watched ÷ not: %s\n", spread(rates), spread(costs))
	fmt.Printf("greatest memory: %.1f MiB watched, %.1f MiB not\n", offices[1].resident(), offices[0].resident())
}

// spread is the median, and minimum and maximum.
func spread(all []float64) string {
	s := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.3f (%.3f to %.3f)", s[len(s)/2], s[0], s[len(s)-1])
}
