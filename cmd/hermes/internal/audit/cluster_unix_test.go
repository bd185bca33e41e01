//go:build unix

package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// soon bounds every wait; none takes so long unless it hangs.
const soon = 2 * time.Minute

// childVar is set in the processes of the cluster: this test, run as a publisher or a receiver.
const childVar = "HERMES_AUDIT_CHILD"

// role is what a child does.
type role struct {
	Kind, Name, In, Out string
	Topic               string
	Options             []string
	Envelopes           int           // to publish
	Pace                time.Duration // between two takes
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVar); text != "" {
		if err := beChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beChild is the life of a child: it ends with its standard input, or is killed.
func beChild(text string) error {
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	begin, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		in := bufio.NewReader(os.Stdin)
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		close(begin)
		_, _ = io.Copy(io.Discard, in)
	}()
	if r.Kind == "receiver" {
		return r.receive(ended)
	}
	return r.publish(begin, ended)
}

func (r *role) start(c core.Component) error {
	options := append([]string{"stats.interval", "30ms"}, r.Options...)
	for i := 0; i < len(options); i += 2 {
		if err := c.Set(options[i], options[i+1]); err != nil {
			return err
		}
	}
	return c.Start()
}

func (r *role) publish(begin, ended chan struct{}) error {
	p, err := core.NewPublisher(r.In, r.Name)
	if err != nil {
		return err
	}
	if err := r.start(p); err != nil {
		return err
	}
	if err := p.WaitReady(soon); err != nil {
		return err
	}
	fmt.Println("ready")
	select {
	case <-begin:
	case <-ended:
	}
	for i := range r.Envelopes {
		topic := fmt.Sprintf("t/%d", i%7)
		if i%20 == 19 {
			topic = "secret/" + r.Name
		}
		if err := p.Publish(topic, "", []byte(strconv.Itoa(i))); err != nil {
			return err
		}
		if i%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println("done")
	<-ended
	return p.Close()
}

func (r *role) receive(ended chan struct{}) error {
	rec, err := core.NewReceiver(r.Out, r.Name)
	if err != nil {
		return err
	}
	if r.Topic != "" {
		if err := rec.Subscribe(r.Topic); err != nil {
			return err
		}
	}
	r.Options = append(r.Options, "stats.address", r.In, "on_slow", "ignore")
	if err := r.start(rec); err != nil {
		return err
	}
	if err := rec.WaitReady(soon); err != nil {
		return err
	}
	fmt.Println("ready")
	go func() {
		for range rec.All() {
			time.Sleep(r.Pace)
		}
	}()
	<-ended
	return rec.Close()
}

// child is a process of the cluster.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

func startChild(t *testing.T, r role) *child {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	c := &child{cmd: exec.Command(os.Args[0]), lines: make(chan string, 10)}
	c.cmd.Env = append(os.Environ(), childVar+"="+string(text))
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
		close(c.lines)
	}()
	t.Cleanup(func() {
		_ = c.stdin.Close()
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return c
}

// says waits for a line.
func (c *child) says(t *testing.T, line string) {
	t.Helper()
	select {
	case got := <-c.lines:
		require.Equal(t, line, got)
	case <-time.After(soon):
		require.FailNow(t, "a process hangs", line)
	}
}

const rules = `
[users.everyone]
anonymous = true
[[allow]]
users = ["*"]
publish = ["", "$hermes"]
origins = ["*"]
subscribe = ["", "$hermes"]
[[deny]]
users = ["*"]
publish = ["secret"]
`

func startOffice(t *testing.T, name, follows string, pairs ...string) *core.PostOffice {
	t.Helper()
	in := "tcp://127.0.0.1:*"
	if follows != "" {
		in += ",>" + follows
	}
	po, err := core.NewPostOffice(in, "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	pairs = append([]string{"stats.interval", "30ms", "stats.name", name}, pairs...)
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, po.Set(pairs[i], pairs[i+1]))
	}
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	return po
}

func get(t *testing.T, c core.Component, key string) string {
	t.Helper()
	v, err := c.Get(key)
	require.NoError(t, err)
	return v
}

// TestNothingVanishesInAClusterWithFaults: 2 post offices, 5 publishers, 10 receivers; some are killed, some
// stall, and some topics are denied. HERMES_AUDIT_RUNS is how often (3).
func TestNothingVanishesInAClusterWithFaults(t *testing.T) {
	runs := 3
	if text := os.Getenv("HERMES_AUDIT_RUNS"); text != "" {
		var err error
		runs, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for seed := range runs {
		t.Run(strconv.Itoa(seed), func(t *testing.T) { auditCluster(t, rand.New(rand.NewPCG(uint64(seed), 1))) })
	}
}

func auditCluster(t *testing.T, random *rand.Rand) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	a := startOffice(t, "a", "", "policy", file, "queue.messages", "2000")
	b := startOffice(t, "b", get(t, a, "endpoint.out"), "queue.messages", "2000")
	offices := []*core.PostOffice{a, b}
	at := func(po *core.PostOffice, r role) *child {
		in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
		r.In, r.Out = in, out
		return startChild(t, r)
	}
	auditor, stop := watching(t, get(t, a, "endpoint.out"), get(t, b, "endpoint.out"))
	defer stop()

	var receivers, publishers []*child
	for i := range 10 {
		r := role{Kind: "receiver", Name: fmt.Sprintf("r%d", i), Options: []string{"queue.full", "auto"}}
		switch i {
		case 1:
			r.Topic = "t/1"
		case 2:
			r.Pace, r.Options = time.Millisecond, []string{"queue.full", "drop_old", "queue.messages", "50"}
		case 3:
			r.Pace, r.Options = time.Millisecond, []string{"queue.full", "latest_per_topic", "queue.messages", "20"}
		}
		receivers = append(receivers, at(offices[i%2], r))
	}
	for _, c := range receivers {
		c.says(t, "ready")
	}
	for i := range 5 {
		publishers = append(publishers, at(offices[i%2], role{Kind: "publisher", Name: fmt.Sprintf("p%d", i), Envelopes: 4000}))
	}
	for _, c := range publishers {
		c.says(t, "ready")
	}
	auditor.settle(t) // all have shown themselves
	for _, c := range publishers {
		_, err := io.WriteString(c.stdin, "begin\n")
		require.NoError(t, err)
	}
	pause := func() { time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) }
	pause()
	killed := random.IntN(5)
	require.NoError(t, publishers[killed].cmd.Process.Kill())
	pause()
	stalled := []int{4, 5}
	for _, i := range stalled {
		require.NoError(t, receivers[i].cmd.Process.Signal(syscall.SIGSTOP))
	}
	for _, i := range []int{6, 7 + random.IntN(3)} {
		pause()
		require.NoError(t, receivers[i].cmd.Process.Kill())
	}
	pause()
	for _, i := range stalled {
		require.NoError(t, receivers[i].cmd.Process.Signal(syscall.SIGCONT))
	}
	for i, c := range publishers {
		if i != killed {
			c.says(t, "done")
		}
	}
	report := auditor.settle(t)
	require.Empty(t, report.Problems)
	if report.Unexplained != 0 {
		text, _ := json.MarshalIndent(report, "", "  ")
		require.Zero(t, report.Unexplained, "%s", text)
	}
	require.Positive(t, report.Delivered)
	names := map[string]bool{}
	for _, l := range report.Losses {
		names[l.Name] = true
	}
	require.True(t, names["dropped_denied"], "%v", names)
}

// parts is how many components show themselves.
const parts = 2 + 5 + 10

// locked is an Auditor that several goroutines use.
type locked struct {
	mu    sync.Mutex
	since time.Time // older states do not count
	*Auditor
}

// watching collects what is published at addresses until stop.
func watching(t *testing.T, addresses ...string) (a *locked, stop func()) {
	t.Helper()
	a = &locked{Auditor: New()}
	var receivers []*core.Receiver
	for _, address := range addresses {
		r, err := core.NewReceiver(address, "auditor")
		require.NoError(t, err)
		require.NoError(t, r.Set("on_slow", "ignore"))
		require.NoError(t, r.Subscribe("$hermes/"))
		require.NoError(t, r.Start())
		receivers = append(receivers, r)
		go func() {
			for e := range r.All() {
				a.mu.Lock()
				if e.TS > float64(a.since.UnixMicro())/1e6 {
					a.Add(e.Topic, e.Data, e.TS, time.Now())
				}
				a.mu.Unlock()
			}
		}()
	}
	return a, func() {
		for _, r := range receivers {
			_ = r.Close()
		}
	}
}

// settle waits until nothing moves, as everything says from now on.
func (a *locked) settle(t *testing.T) *Report {
	t.Helper()
	a.mu.Lock()
	a.since = time.Now()
	a.Restart()
	a.mu.Unlock()
	var r *Report
	for end := time.Now().Add(soon); ; time.Sleep(10 * time.Millisecond) {
		a.mu.Lock()
		r = a.Report(time.Now())
		a.mu.Unlock()
		if r.Still && len(r.Parts) == parts {
			return r
		}
		if time.Now().After(end) {
			text, _ := json.MarshalIndent(r, "", " ")
			require.FailNow(t, "it does not come to rest", "%d parts: %s", len(r.Parts), text)
		}
	}
}
