package core

import (
	"errors"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// Node is a name with a receiver, a publisher, or both. Starting and stopping it
// starts and stops them.
type Node struct {
	component
	receiver  *Receiver
	publisher *Publisher

	relays      int         // loops of Run; guarded by component.mu
	relaysEnded latch.Latch // open while there are none
}

var _ Component = (*Node)(nil)

// RelayChannel is where Run publishes what the node receives.
const RelayChannel = "RAW"

// relayMost is how many envelopes the relay loop takes at once.
const relayMost = 256

// NewNode makes a node of two components, each of which may be nil. They are not the
// node's to close.
func NewNode(name string, receiver *Receiver, publisher *Publisher) (*Node, error) {
	if err := checkName("node", name); err != nil {
		return nil, err
	}
	n := &Node{receiver: receiver, publisher: publisher}
	n.init("node", name, "", hooks{start: n.openUp, stop: n.shutDown})
	n.network.addLinger(&n.options, "node")
	n.relaysEnded.Set(true)
	if receiver != nil && publisher != nil {
		receiver.mu.Lock()
		receiver.nodePublisher = publisher
		receiver.mu.Unlock()
	}
	return n, nil
}

// Get implements Component. What is wrong with connections is what its components say of them.
func (n *Node) Get(key string) (string, error) {
	if key != "problem" && key != "warning" {
		return n.component.Get(key)
	}
	var all []string
	for _, p := range n.components() {
		if text, err := p.Get(key); err == nil && text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; "), nil
}

// components lists what is there, in the order of starting.
func (n *Node) components() (out []Component) {
	if n.receiver != nil {
		out = append(out, n.receiver)
	}
	if n.publisher != nil {
		out = append(out, n.publisher)
	}
	return out
}

func (n *Node) openUp() error {
	for i, p := range n.components() {
		if err := p.Start(); err != nil {
			for _, started := range n.components()[:i] {
				_ = started.Stop(0)
			}
			return err
		}
	}
	n.mu.Lock()
	run := n.run
	n.mu.Unlock()
	if n.receiver != nil {
		n.watch(&n.receiver.component, run)
	}
	if n.publisher != nil {
		n.watch(&n.publisher.component, run)
	}
	return nil
}

// watch ends this run of the node when one of its components ends by itself: because it has
// failed, or cannot keep up. What its owner does to a component by itself is the owner's business.
func (n *Node) watch(p *component, run uint64) {
	safe.Go(n.Fail, func() {
		<-p.idle.Opened()
		p.mu.Lock()
		reason, failure := p.reason, p.failure
		p.mu.Unlock()
		if reason == "" || reason == "stop" || reason == "close" {
			return
		}
		n.mu.Lock()
		if n.run == run && n.failure == nil {
			n.failure = failure
		}
		n.mu.Unlock()
		n.endRun(run, p.who()+" has stopped ("+firstLine(reason)+")", n.network.linger.Get())
	})
}

// shutDown stops the receiver, lets the loops of Run publish what they have taken, and
// stops the publisher.
func (n *Node) shutDown() error {
	timeout, less := n.limit.Left()
	var first, hurried stops
	stopped := make(chan struct{})
	safe.Go(nil, func() {
		defer close(stopped)
		first = n.stopComponents(timeout)
	})
	for {
		select {
		case <-stopped:
			return errors.Join(first.or(hurried)...)
		case <-less:
			var shorter time.Duration
			shorter, less = n.limit.Left()
			hurried = n.stopComponents(shorter).or(hurried) // hurries the stops under way, or comes first
		}
	}
}

// stops is what the stops of a node's components have said, component by component.
type stops []error

// or fills in from another attempt what this one has nothing to say about.
func (s stops) or(other stops) stops {
	for i, err := range other {
		if s[i] == nil {
			s[i] = err
		}
	}
	return s
}

func (n *Node) stopComponents(timeout time.Duration) (said stops) {
	if n.receiver != nil {
		said = append(said, n.receiver.Stop(timeout))
		n.limit.Await(n.relaysEnded.Opened())
	}
	if n.publisher != nil {
		left, _ := n.limit.Left()
		said = append(said, n.publisher.Stop(left))
	}
	return said
}

// WaitReady waits for both components.
func (n *Node) WaitReady(timeout time.Duration) error {
	if err := n.check(); err != nil {
		return err
	}
	began := time.Now()
	for _, p := range n.components() {
		left := timeout
		if timeout >= 0 {
			left = max(timeout-time.Since(began), 0)
		}
		if err := p.WaitReady(left); err != nil {
			return err
		}
	}
	return nil
}

// Receiver is the node's receiver, or nil.
func (n *Node) Receiver() *Receiver { return n.receiver }

// Publisher is the node's publisher, or nil.
func (n *Node) Publisher() *Publisher { return n.publisher }

// Publish publishes under the topic "channel/name" with the node's name as origin.
func (n *Node) Publish(channel string, data []byte) error {
	if n.publisher == nil {
		return errorf(ENOTSUP, "%s has no publisher", n.who())
	}
	return n.publisher.Publish(channel+"/"+n.name, n.name, data)
}

// Take is the receiver's Take.
func (n *Node) Take(most int, timeout time.Duration) (*Delivery, error) {
	if n.receiver == nil {
		return nil, errorf(ENOTSUP, "%s has no receiver", n.who())
	}
	return n.receiver.Take(most, timeout)
}

// Run publishes the data of whatever the node receives on RelayChannel, until the
// node or its receiver stops.
func (n *Node) Run() error {
	if n.receiver == nil || n.publisher == nil {
		return errorf(ENOTSUP, "%s needs a receiver and a publisher to relay", n.who())
	}
	if err := n.check(); err != nil {
		return err
	}
	n.relaying(1)
	defer n.relaying(-1)
	topic := RelayChannel + "/" + n.name
	for {
		d, err := n.receiver.Take(relayMost, -1)
		if err != nil {
			return n.ended(err)
		}
		err = n.forward(d, topic)
		d.Release()
		if err == nil {
			err = n.check() // the rest stays with the receiver
		}
		if err != nil {
			return n.ended(err)
		}
	}
}

// relaying counts the loops of Run.
func (n *Node) relaying(more int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.relays += more
	n.relaysEnded.Set(n.relays == 0)
}

// forward publishes a delivery. What the publisher has no room for it has counted, and
// what it does not take any more is what its stop has cost.
func (n *Node) forward(d *Delivery, topic string) error {
	for i := range d.Len() {
		err := n.publisher.Publish(topic, n.name, d.At(i).Data)
		if err != nil && CodeOf(err) != EFULL {
			n.publisher.queue.CountAfterStop(d.Len() - i)
			return err
		}
	}
	return nil
}

// ended turns a stop into the regular end of Run.
func (n *Node) ended(err error) error {
	switch CodeOf(err) {
	case ESTOPPED, ESTATE:
		for _, p := range n.components() {
			if err := p.Wait(0); CodeOf(err) == EINTERNAL {
				return err
			}
		}
		return nil
	}
	return err
}
