package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// member is this program as a member of a cluster of several runtimes.
type member struct {
	name      string
	peers     []string
	receiver  *core.Receiver
	publisher *core.Publisher
	heard     map[string]bool // who has said hello
	complete  map[string]bool // those that have heard all others
	received  map[string]int  // how many numbers of each
}

// hello is what members send until every member has heard every other.
type hello struct {
	Name     string `json:"name"`
	Complete bool   `json:"complete"`
}

// joinCluster exchanges numbers with the peers, and prints how that went.
func joinCluster(in, out, name string, count int, peers []string) error {
	m := &member{name: name, peers: peers,
		heard: map[string]bool{}, complete: map[string]bool{}, received: map[string]int{}}
	err := m.takePart(in, out, count)
	verdict := struct {
		Runtime  string         `json:"runtime"`
		Name     string         `json:"name"`
		OK       bool           `json:"ok"`
		Received map[string]int `json:"received"`
		Why      string         `json:"why"`
	}{"go", name, err == nil, m.received, ""}
	if err != nil {
		verdict.Why = err.Error()
	}
	report(verdict)
	return err
}

func (m *member) takePart(in, out string, count int) (err error) {
	if m.receiver, err = core.NewReceiver(out, m.name); err != nil {
		return err
	}
	defer m.receiver.Close()
	if m.publisher, err = core.NewPublisher(in, m.name); err != nil {
		return err
	}
	defer m.publisher.Close()
	if err := m.receiver.Subscribe("conformance/"); err != nil {
		return err
	}
	if err := m.receiver.Set("on_slow", "ignore"); err != nil {
		return err
	}
	for _, p := range []core.Component{m.receiver, m.publisher} {
		if err := p.Start(); err != nil {
			return err
		}
		if err := p.WaitReady(patience); err != nil {
			return err
		}
	}
	if err := m.meet(); err != nil {
		return err
	}
	return m.exchange(count)
}

// meet says hello until every member has heard every other.
func (m *member) meet() error {
	for end := time.Now().Add(5 * patience); ; {
		last := len(m.complete) == len(m.peers)
		err := m.publisher.PublishValue("conformance/hello", hello{m.name, len(m.heard) == len(m.peers)})
		if err != nil || last {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("heard %v, and of those %v hear all", m.heard, m.complete)
		}
		for pause := time.Now().Add(50 * time.Millisecond); time.Now().Before(pause); {
			if err := m.hear(time.Until(pause)); err != nil && core.CodeOf(err) != core.ETIMEOUT {
				return err
			}
		}
	}
}

func (m *member) exchange(count int) error {
	for i := range count {
		if err := m.publisher.PublishValue("conformance/numbers/"+m.name, i); err != nil {
			return err
		}
	}
	for _, peer := range m.peers {
		for m.received[peer] < count {
			if err := m.hear(patience); err != nil {
				return err
			}
		}
	}
	return nil
}

// hear takes one envelope: a hello, or the next number of a peer.
func (m *member) hear(timeout time.Duration) error {
	e, err := m.receiver.Recv(timeout)
	if err != nil {
		return err
	}
	if e.Topic == "conformance/hello" {
		var h hello
		if err := json.Unmarshal(e.Data, &h); err != nil {
			return err
		}
		m.heard[h.Name] = true
		if h.Complete {
			m.complete[h.Name] = true
		}
		return nil
	}
	next := m.received[e.Origin]
	if string(e.Data) != fmt.Sprint(next) || e.Lost != 0 {
		return fmt.Errorf("number %d of %s is %s, lost %d", next, e.Origin, e.Data, e.Lost)
	}
	m.received[e.Origin]++
	return nil
}
