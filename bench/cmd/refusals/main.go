// Command refusals measures how soon a refusal of keys is reported: with right, wrong and no keys, from the
// start of a client to the end of its wait until it is ready, and to the event at the post office. Clients
// are a Go program, C, Python, and the command hermes, whose figure is its whole life.
//
//	refusals [ROUNDS]
//
// It is started in the root of the checkout, after `make build`, and compiles the client in C.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// long is for waits that are to end much sooner.
const long = time.Minute

// rightKey is the row in which nothing is refused.
const rightKey = "right key"

// row is what the post office and the client have for keys: pairs of options.
type row struct {
	name           string
	office, client []string
}

func rows(dir string) []row {
	file := func(name string) string { return filepath.Join(dir, name) }
	locked := []string{"curve.secret", file("office.key_secret"), "curve.clients", file("client.key")}
	right := []string{"curve.secret", file("client.key_secret"), "curve.server", file("office.key")}
	return []row{
		{rightKey, locked, right},
		{"wrong server key", locked, []string{"curve.secret", file("client.key_secret"), "curve.server", file("other.key")}},
		{"unknown client key", locked, []string{"curve.secret", file("other.key_secret"), "curve.server", file("office.key")}},
		{"no client key", locked, []string{"curve.server", file("office.key")}},
		{"plain client", locked, nil},
		{"plain post office", nil, right},
	}
}

// client is a program that connects to one side of a post office, as a receiver or as a publisher. start is when it began to, and end when
// it knew that it was refused, or ready.
type client struct {
	name string
	role string // "receiver" or "publisher"
	run  func(address string, options []string) (start, end time.Time)
}

func clients(dir string) []client {
	inC := filepath.Join(dir, "client")
	build, err := filepath.Abs("build")
	must(err)
	compile := exec.Command("gcc", "-std=gnu11", "-O2", "-Iinclude", "bench/c/refused.c", "-o", inC, "-Lbuild", "-lhermes", "-Wl,-rpath,"+build)
	compile.Stderr = os.Stderr
	must(compile.Run())
	var all []client
	for _, role := range []string{"receiver", "publisher"} {
		all = append(all, client{"Go", role, func(at string, options []string) (start, end time.Time) {
			return inGo(role, at, options)
		}}, client{"C", role, func(at string, options []string) (start, end time.Time) {
			return printed(exec.Command(inC, append([]string{role, at}, options...)...))
		}}, client{"Python", role, func(at string, options []string) (start, end time.Time) {
			c := exec.Command("python3", append([]string{"bench/python/refused.py", role, at}, options...)...)
			c.Env = append(os.Environ(), "PYTHONPATH=python")
			return printed(c)
		}})
	}
	return append(all, client{"command", "publisher", inCommand})
}

// side is the key of the address that it connects to.
func (c *client) side() string {
	if c.role == "publisher" {
		return "endpoint.in"
	}
	return "endpoint.out"
}

func main() {
	rounds := 7
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		must(err)
		rounds = n
	}
	dir, err := os.MkdirTemp("", "refusals")
	must(err)
	defer os.RemoveAll(dir)
	for _, name := range []string{"office", "client", "other"} {
		pair, err := curve.Generate()
		must(err)
		_, _, err = pair.WriteFiles(filepath.Join(dir, name))
		must(err)
	}
	fmt.Printf("milliseconds, median (least to most) of %d: at the client; at the post office\n", rounds)
	all := clients(dir)
	for _, r := range rows(dir) {
		for _, c := range all {
			if c.role == "publisher" && r.name == rightKey {
				continue // it waits for a receiver then
			}
			var here, there []float64
			for range rounds {
				waited, reported := r.heat(c)
				here, there = append(here, waited), append(there, reported)
			}
			fmt.Printf("%-20s %-8s %-10s %-24s %s\n", r.name, c.name, c.role, spread(here), spread(there))
		}
	}
}

// heat connects once to a post office of its own, whose events are those of this client alone.
func (r row) heat(c client) (here, there float64) {
	office, err := core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	must(err)
	defer office.Close()
	set(office, r.office)
	must(office.Start())
	address, err := office.Get(c.side())
	must(err)
	reported := make(chan time.Time, 1)
	go func() {
		for {
			e, err := office.NextEvent(long)
			must(err)
			if e.Kind == "handshake_failed" || e.Kind == "connected" {
				reported <- time.Now()
				return
			}
		}
	}()
	start, end := c.run(address, r.client)
	return ms(end.Sub(start)), ms((<-reported).Sub(start))
}

func set(c core.Component, options []string) {
	for i := 0; i < len(options); i += 2 {
		must(c.Set(options[i], options[i+1]))
	}
}

func inGo(role, at string, options []string) (start, end time.Time) {
	var c interface {
		core.Component
		WaitReady(timeout time.Duration) error
	}
	var err error
	if role == "publisher" {
		c, err = core.NewPublisher(at, "client")
	} else {
		c, err = core.NewReceiver(at, "client")
	}
	must(err)
	defer c.Close()
	set(c, options)
	start = time.Now()
	must(c.Start())
	_ = c.WaitReady(long)
	return start, time.Now()
}

// printed runs a program that prints both times, in nanoseconds since 1970.
func printed(c *exec.Cmd) (start, end time.Time) {
	c.Stderr = os.Stderr
	out, err := c.Output()
	must(err)
	var from, to int64
	_, err = fmt.Sscan(string(out), &from, &to)
	must(err)
	return time.Unix(0, from), time.Unix(0, to)
}

func inCommand(at string, options []string) (start, end time.Time) {
	args := []string{"pub", "--wait", "1m"}
	for i := 0; i < len(options); i += 2 {
		args = append(args, "--set", options[i]+"="+options[i+1])
	}
	c := exec.Command("build/hermes", append(args, at, "topic", "1")...)
	start = time.Now()
	_ = c.Run() // fails where it is refused
	return start, time.Now()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func spread(all []float64) string {
	s := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.1f (%.1f to %.1f)", s[len(s)/2], s[0], s[len(s)-1])
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "refusals:", strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}
