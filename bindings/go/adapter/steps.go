package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/core"
)

// kinds are the kinds of steps. An index is the round of the innermost repeat.
var kinds map[string]func(r *run, s *step, index int) error

func init() {
	kinds = map[string]func(r *run, s *step, index int) error{
		"postoffice": (*run).postOffice, "publisher": (*run).publisher,
		"receiver": (*run).receiver, "node": (*run).node,
		"get": (*run).get, "set": component(func(p core.Component, s *step) error { return p.Set(s.Key, s.Value) }),
		"start":      component(func(p core.Component, s *step) error { return p.Start() }),
		"stop":       component(func(p core.Component, s *step) error { return p.Stop(s.wait()) }),
		"close":      component(func(p core.Component, s *step) error { return p.Close() }),
		"wait":       component(func(p core.Component, s *step) error { return p.Wait(s.wait()) }),
		"wait_ready": component(func(p core.Component, s *step) error { return p.WaitReady(s.wait()) }),
		"subscribe": component(func(p core.Component, s *step) error {
			return p.(*core.Receiver).Subscribe(string(s.topic()))
		}),
		"unsubscribe": component(func(p core.Component, s *step) error {
			return p.(*core.Receiver).Unsubscribe(string(s.topic()))
		}),
		"accept":   component(func(p core.Component, s *step) error { return p.(*core.Receiver).Accept(*s.Origin) }),
		"node_run": component(func(p core.Component, s *step) error { return p.(*core.Node).Run() }),
		"publish":  (*run).publish, "publish_many": (*run).publishMany, "node_publish": (*run).nodePublish,
		"recv": (*run).recv, "node_recv": (*run).recv, "recv_many": (*run).recvMany, "each": (*run).each,
		"stats": (*run).stats, "event": (*run).event, "readable": (*run).readable,
		"sleep": (*run).sleep, "repeat": (*run).repeat, "until": (*run).until,
		"try": (*run).try, "spawn": (*run).spawn, "join": (*run).join,
	}
}

// component is a kind of step that only needs its component.
func component(do func(p core.Component, s *step) error) func(*run, *step, int) error {
	return func(r *run, s *step, _ int) error { return do(r.component(s.On), s) }
}

// ---- Components --------------------------------------------------------------

// address is a string, or a key of a component.
func (r *run) address(given json.RawMessage) (string, error) {
	var text string
	var from []string
	if given == nil || json.Unmarshal(given, &text) == nil {
		return text, nil
	}
	if err := json.Unmarshal(given, &from); err != nil {
		return "", err
	}
	return r.component(from[0]).Get(from[1])
}

func (r *run) postOffice(s *step, _ int) error {
	var at [3]string
	for i, given := range []json.RawMessage{s.In, s.Out, s.Debug} {
		var err error
		if at[i], err = r.address(given); err != nil {
			return err
		}
	}
	p, err := core.NewPostOffice(at[0], at[1], at[2])
	return r.add(s.As, p, err)
}

func (r *run) publisher(s *step, _ int) error {
	address, err := r.address(s.Address)
	if err != nil {
		return err
	}
	p, err := core.NewPublisher(address, s.Name)
	return r.add(s.As, p, err)
}

func (r *run) receiver(s *step, _ int) error {
	address, err := r.address(s.Address)
	if err != nil {
		return err
	}
	p, err := core.NewReceiver(address, s.Name)
	return r.add(s.As, p, err)
}

func (r *run) node(s *step, _ int) error {
	var ear string
	if err := json.Unmarshal(s.Receiver, &ear); err != nil {
		return err
	}
	receiver, _ := r.component(ear).(*core.Receiver)
	var publisher *core.Publisher
	if s.Publisher != nil {
		publisher, _ = r.component(*s.Publisher).(*core.Publisher)
	}
	p, err := core.NewNode(s.Name, receiver, publisher)
	return r.add(s.As, p, err)
}

func (r *run) get(s *step, _ int) error {
	value, err := r.component(s.On).Get(s.Key)
	if err != nil {
		return err
	}
	var want string
	if err := json.Unmarshal(s.Expect, &want); err != nil || value != want {
		return fmt.Errorf("it is %q", value)
	}
	return nil
}

// ---- Envelopes ---------------------------------------------------------------

// topic is the text of the topic, or the bytes that topic_hex describes.
func (s *step) topic() []byte {
	if s.Topic != nil {
		return []byte(*s.Topic)
	}
	raw, err := hex.DecodeString(s.TopicHex)
	if err != nil {
		panic(err) // a mistake in the scenario
	}
	return raw
}

// data is the JSON text that a step speaks of; nil where it speaks of none.
func (s *step) data(index int) []byte {
	var how string
	switch _ = json.Unmarshal(s.Make, &how); {
	case s.Text != nil:
		return []byte(*s.Text)
	case how == "index":
		return []byte(strconv.Itoa(index))
	case how == "nonsense":
		return []byte("{nonsense")
	case s.Make == nil:
		return s.Data
	}
	var made []any // ["string", n]
	if err := json.Unmarshal(s.Make, &made); err != nil {
		panic(err) // a mistake in the scenario
	}
	text := `"` + strings.Repeat("x", int(made[1].(float64))) + `"`
	if made[0] == "nan" {
		text = "[NaN, " + text + "]"
	}
	return []byte(text)
}

func (r *run) publish(s *step, index int) error {
	if s.TraceParent != nil {
		return r.component(s.On).(*core.Publisher).PublishTraced(*s.Topic, "", s.data(index), *s.TraceParent)
	}
	var origin []byte
	if s.Origin != nil {
		origin = []byte(*s.Origin)
	}
	return r.component(s.On).(*core.Publisher).PublishBytes(s.topic(), origin, s.data(index))
}

func (r *run) publishMany(s *step, _ int) error {
	text := []byte(s.Envelopes)
	if text == nil {
		many := make([][3]any, s.Count)
		for i := range many {
			many[i] = [3]any{*s.Topic, nil, i}
		}
		var err error
		if text, err = json.Marshal(many); err != nil {
			return err
		}
	}
	_, err := r.component(s.On).(*core.Publisher).PublishBatch(text)
	return err
}

func (r *run) nodePublish(s *step, index int) error {
	return r.component(s.On).(*core.Node).Publish(s.Channel, s.data(index))
}

// taker is a receiver, or a node.
type taker interface {
	Take(most int, timeout time.Duration) (*core.Delivery, error)
}

func (r *run) recv(s *step, index int) error {
	d, err := r.component(s.On).(taker).Take(1, s.wait())
	if err != nil {
		return err
	}
	defer d.Release()
	if s.Expect == nil {
		return errors.New("something came")
	}
	return compare(d.Envelope(0), s.Expect, index)
}

// compare looks whether an envelope is as expected.
func compare(e core.Envelope, expected json.RawMessage, index int) error {
	var want struct {
		step
		Lost        uint32
		TraceParent json.RawMessage // null: none
	}
	if err := json.Unmarshal(expected, &want); err != nil {
		return err
	}
	data := want.data(index)
	context := "null"
	if e.TraceParent != "" {
		context = fmt.Sprintf("%q", e.TraceParent)
	}
	switch {
	case want.TraceParent != nil && string(want.TraceParent) != context:
		return fmt.Errorf("the traceparent is %s", context)
	case want.Topic != nil && *want.Topic != e.Topic:
		return fmt.Errorf("the topic is %q", e.Topic)
	case want.Origin != nil && *want.Origin != e.Origin:
		return fmt.Errorf("the origin is %q", e.Origin)
	case want.Lost != e.Lost:
		return fmt.Errorf("lost is %d", e.Lost)
	case want.Text != nil && !bytes.Equal(data, e.Data), want.Text == nil && data != nil && !same(data, e.Data):
		return fmt.Errorf("the data is %.200s", e.Data)
	}
	return nil
}

// same says whether two JSON texts mean the same.
func same(one, other []byte) bool {
	if bytes.Equal(one, other) { // NaN is for no parser
		return true
	}
	var a, b any
	if json.Unmarshal(one, &a) != nil || json.Unmarshal(other, &b) != nil {
		return false
	}
	return reflect.DeepEqual(a, b)
}

func (r *run) recvMany(s *step, _ int) error {
	for took := 0; ; {
		d, err := r.component(s.On).(taker).Take(s.Max, s.wait())
		if err != nil {
			return err
		}
		for i := range d.Len() {
			e := d.Envelope(i)
			if s.Topic == nil || e.Topic != *s.Topic || string(e.Data) != strconv.Itoa(took) {
				return fmt.Errorf("number %d is %q, %.200s", took, e.Topic, e.Data)
			}
			took++
		}
		d.Release()
		if took >= s.Count {
			return nil
		}
	}
}

// each takes the steps for each envelope, until the receiver has stopped or is closed.
func (r *run) each(s *step, index int) error {
	for {
		d, err := r.component(s.On).(taker).Take(1, patience)
		if core.CodeOf(err) == core.ESTOPPED {
			return nil
		}
		if err != nil {
			return err
		}
		d.Release()
		if err := r.take(s.Steps, index); err != nil {
			return err
		}
	}
}

// ---- Observing ---------------------------------------------------------------

// contains says whether got contains what is expected.
func contains(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		for key, value := range want {
			ok = ok && contains(value, got[key])
		}
		return ok
	case []any:
		got, ok := got.([]any)
		ok = ok && len(got) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = contains(want[i], got[i])
		}
		return ok
	}
	return reflect.DeepEqual(want, got)
}

func (r *run) stats(s *step, _ int) error {
	var want any = map[string]any{}
	if s.Expect != nil {
		if err := json.Unmarshal(s.Expect, &want); err != nil {
			return err
		}
	}
	for end := time.Now().Add(s.wait()); ; time.Sleep(10 * time.Millisecond) {
		text := r.component(s.On).StatsJSON()
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		for _, sum := range s.Sums {
			if !addsUp(sum, got) {
				return fmt.Errorf("%s is not the sum of the others in %s", sum[0], text)
			}
		}
		if contains(want, got) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the counters are %s", text)
		}
	}
}

// addsUp says whether the first counter is the sum of the others.
func addsUp(sum []string, stats map[string]any) bool {
	difference := stats[sum[0]].(float64)
	for _, key := range sum[1:] {
		difference -= stats[key].(float64)
	}
	return difference == 0
}

func (r *run) event(s *step, _ int) error {
	var want any
	if s.Expect != nil {
		if err := json.Unmarshal(s.Expect, &want); err != nil {
			return err
		}
	}
	for {
		e, err := r.component(s.On).NextEvent(s.wait())
		if err != nil {
			return err
		}
		var got any
		if err := json.Unmarshal(e.JSON(), &got); err != nil {
			return err
		}
		if want != nil && contains(want, got) && strings.Contains(e.Text, s.Says) {
			return nil
		}
	}
}

func (r *run) readable(s *step, _ int) error {
	fd, err := r.component(s.On).(*core.Receiver).FD()
	if err != nil {
		return err
	}
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(polled, int(s.wait().Milliseconds()))
	for err == unix.EINTR {
		n, err = unix.Poll(polled, int(s.wait().Milliseconds()))
	}
	if err == nil && fmt.Sprint(n == 1) != string(s.Expect) {
		return fmt.Errorf("readable is %v", n == 1)
	}
	return err
}

// ---- Order -------------------------------------------------------------------

func (r *run) sleep(s *step, _ int) error {
	time.Sleep(time.Duration(s.MS) * time.Millisecond)
	return nil
}

func (r *run) repeat(s *step, _ int) error {
	for i := range s.Times {
		if err := r.take(s.Steps, i); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) until(s *step, index int) error {
	for end := time.Now().Add(patience); ; {
		err := r.take(s.Steps, index)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (r *run) try(s *step, index int) error { return r.take(s.Steps, index) }

func (r *run) spawn(s *step, index int) error {
	done := make(chan error, 1)
	r.tasks[s.As] = done
	go func() { done <- r.take(s.Steps, index) }()
	return nil
}

func (r *run) join(s *step, _ int) error {
	select {
	case err := <-r.tasks[s.On]:
		return err
	case <-time.After(patience):
		return errors.New("it does not end")
	}
}
