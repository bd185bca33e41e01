// traffic in=ADDRESSES out=ADDRESSES [set.OPTION=VALUE ...]: what traffic.c does, in Go.
//
// It always does both, publish and check what arrives, with one window of envelopes
// under way.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

const (
	window  = 20_000
	topics  = 10
	patient = time.Minute // without any progress at the end
)

type traffic struct {
	publisher *core.Publisher
	receiver  *core.Receiver

	sent, got, missing atomic.Int64
	backward           int64
	due                [topics]int64
	over               atomic.Bool
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(words []string) error {
	t, err := prepare(words)
	if err != nil {
		return err
	}
	for _, component := range []core.Component{t.receiver, t.publisher} {
		if err := component.Start(); err != nil {
			return err
		}
		if err := component.WaitReady(patient); err != nil {
			return err
		}
	}
	published := make(chan error)
	go func() { published <- t.publish() }()
	t.follow()
	t.over.Store(true)
	if err := <-published; err != nil {
		return err
	}
	if err := t.publisher.Stop(30 * time.Second); err != nil {
		return err
	}
	for t.got.Load()+t.missing.Load() < t.sent.Load() && t.take(patient) {
	}
	t.tell(true)
	return nil
}

func prepare(words []string) (t *traffic, err error) {
	t = &traffic{}
	given := map[string]string{}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		given[name] = value
	}
	if t.publisher, err = core.NewPublisher(given["in"], "traffic"); err != nil {
		return nil, err
	}
	if t.receiver, err = core.NewReceiver(given["out"], "traffic"); err != nil {
		return nil, err
	}
	if err := t.receiver.Set("on_slow", "ignore"); err != nil {
		return nil, err
	}
	for name, value := range given {
		for _, err := range []error{
			setOption(t.receiver, "receiver.", name, value), setOption(t.receiver, "set.", name, value),
			setOption(t.publisher, "publisher.", name, value), setOption(t.publisher, "set.", name, value),
		} {
			if err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func setOption(component core.Component, prefix, name, value string) error {
	if option, ok := strings.CutPrefix(name, prefix); ok {
		return component.Set(option, value)
	}
	return nil
}

// publish sends numbers, counted by topic.
func (t *traffic) publish() error {
	for !t.over.Load() {
		n := t.sent.Load()
		if n-t.got.Load()-t.missing.Load() >= window {
			time.Sleep(200 * time.Microsecond)
			continue
		}
		data := fmt.Appendf(nil, "[%d,%d]", os.Getpid(), n/topics)
		if err := t.publisher.Publish(fmt.Sprint("traffic/", n%topics), "", data); err != nil {
			return err
		}
		t.sent.Add(1)
	}
	return nil
}

// follow takes and tells until the standard input ends.
func (t *traffic) follow() {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	for {
		t.take(20 * time.Millisecond)
		select {
		case <-ended:
			return
		case <-tick.C:
			t.tell(false)
		default:
		}
	}
}

func (t *traffic) take(timeout time.Duration) bool {
	d, err := t.receiver.Take(4096, timeout)
	if err != nil {
		return false
	}
	defer d.Release()
	for i := range d.Len() {
		var topic, run, number int64
		v := d.At(i)
		if _, err := fmt.Sscanf(string(v.Topic)+" "+string(v.Data), "traffic/%d [%d,%d]", &topic, &run, &number); err != nil {
			log.Fatal(err)
		}
		if number < t.due[topic] {
			t.backward++
			continue
		}
		t.missing.Add(number - t.due[topic])
		t.due[topic] = number + 1
	}
	t.got.Add(int64(d.Len()))
	return true
}

func (t *traffic) tell(done bool) {
	fmt.Printf(`{"pid": %d, "done": %v, "sent": %d, "got": %d, "missing": %d, "backward": %d, "publisher": %s, "receiver": %s}`+"\n",
		os.Getpid(), done, t.sent.Load(), t.got.Load(), t.missing.Load(), t.backward, t.publisher.StatsJSON(), t.receiver.StatsJSON())
}
