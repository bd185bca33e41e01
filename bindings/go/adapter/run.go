package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// step is one step of a scenario; which members count is up to Do.
type step struct {
	Do, As, On, Name, Key, Value, Channel string
	Says, Hides                           string
	Address, In, Out, Debug, Receiver     json.RawMessage
	Publisher, Topic                      *string
	TopicHex                              string `json:"topic_hex"`
	Origin, Text, TraceParent             *string
	Data, Make, Expect                    json.RawMessage
	Timeout                               *int
	Times, MS, Max, Count                 int
	Envelopes                             json.RawMessage
	Sums                                  [][]string
	Error                                 names
	Steps                                 []*step
}

// names is one string or several.
type names []string

func (n *names) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(n))
	}
	*n = names{""}
	return json.Unmarshal(text, &(*n)[0])
}

// wait is how long the step may take.
func (s *step) wait() time.Duration {
	if s.Timeout == nil {
		return patience
	}
	return time.Duration(*s.Timeout) * time.Millisecond
}

// run is one run of a scenario. Nothing happens to objects twice at once, but steps
// are taken in several goroutines.
type run struct {
	mu      sync.Mutex
	objects map[string]core.Component
	order   []core.Component
	tasks   map[string]chan error
}

func newRun() *run {
	return &run{objects: map[string]core.Component{}, tasks: map[string]chan error{}}
}

// close closes everything, newest first.
func (r *run) close() {
	for _, p := range slices.Backward(r.order) {
		_ = p.Close()
	}
}

func (r *run) add(name string, p core.Component, err error) error {
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[name] = p
	r.order = append(r.order, p)
	return nil
}

func (r *run) component(name string) core.Component {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objects[name]
}

// take takes steps one after the other; an error says which failed.
func (r *run) take(steps []*step, index int) error {
	for i, s := range steps {
		if err := r.takeOne(s, index); err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, s.Do, err)
		}
	}
	return nil
}

// takeOne takes a step, and looks whether it fails as it should.
func (r *run) takeOne(s *step, index int) error {
	kind := kinds[s.Do]
	if kind == nil {
		return fmt.Errorf("no such step: %q", s.Do)
	}
	err := kind(r, s, index)
	switch code := r.codeOf(s, err); {
	case err == nil && len(s.Error) > 0 && !slices.Contains(s.Error, "none"):
		return fmt.Errorf("did not fail with %v", s.Error)
	case err != nil && !slices.Contains(s.Error, code):
		return err
	case err != nil && !strings.Contains(err.Error(), s.Says):
		return fmt.Errorf("the text has no %q in it: %w", s.Says, err)
	case err != nil && s.Hides != "" && strings.Contains(err.Error(), s.Hides):
		return fmt.Errorf("the text does not hide it: %w", err)
	}
	return nil
}

// codeOf names the code of an error of the library. A closed component is still there in Go:
// what is a dead handle elsewhere is a state here.
func (r *run) codeOf(s *step, err error) string {
	code := core.CodeOf(err)
	if component := r.component(s.On); component != nil && (code == core.ESTATE || code == core.ESTOPPED) {
		if state, _ := component.Get("state"); state == "closed" {
			code = core.EBADHANDLE
		}
	}
	return codes[code]
}

var codes = map[core.Code]string{
	core.EINVAL: "EINVAL", core.EBADHANDLE: "EBADHANDLE", core.ESTATE: "ESTATE",
	core.EADDRESS: "EADDRESS", core.EADDRINUSE: "EADDRINUSE", core.EOPTION: "EOPTION",
	core.EUTF8: "EUTF8", core.EJSON: "EJSON", core.EFULL: "EFULL", core.ETIMEOUT: "ETIMEOUT",
	core.ESTOPPED: "ESTOPPED", core.ETOOBIG: "ETOOBIG", core.ENOTSUP: "ENOTSUP", core.EIO: "EIO",
	core.EACCES: "EACCES", core.EAUTH: "EAUTH",
}
