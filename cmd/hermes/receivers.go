package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// waitReceivers waits for the receivers of --wait-receivers: those that are connected to the
// publisher itself, or those that the post offices between count in their $hermes topics.
func (j *pubJob) waitReceivers() error {
	if j.o.waitReceivers < 2 {
		return nil // there is one
	}
	const interval = 20 * time.Millisecond
	end := time.Now().Add(j.o.wait)
	offices := &officeCounts{}
	if j.o.out != "" {
		close, err := offices.follow(j.o)
		if err != nil {
			return err
		}
		defer close()
	}
	for {
		own, office := subscribed(j.publisher.Stats().Peers)
		if office && j.o.out == "" {
			return usageError{"--wait-receivers needs --out ADDRESS, where the post office is asked how many receivers it has, or a context with one"}
		}
		n := own + offices.count()
		if n >= j.o.waitReceivers {
			return nil
		}
		if time.Now().After(end) {
			return nothingCame("nothing was published within %v: %d of %d receivers have subscribed to something", j.o.wait, n, j.o.waitReceivers)
		}
		select {
		case <-time.After(interval):
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
	}
}

// subscribed counts the receivers among the peers of a publisher, and tells whether there is a
// post office among them, or another proxy.
func subscribed(peers []core.Peer) (receivers int, office bool) {
	for _, p := range peers {
		switch {
		case p.Type == "XSUB":
			office = true
		case p.Subscriptions > 0:
			receivers++
		}
	}
	return receivers, office
}

// officeCounts is how many receivers post offices have, as their $hermes topics say.
type officeCounts struct {
	receiver *core.Receiver
	of       map[string]int // by the name of the post office
}

// follow subscribes to the counters of the post offices at the receivers' address.
func (c *officeCounts) follow(o pubFlags) (end func(), err error) {
	c.of = map[string]int{}
	if c.receiver, err = o.target.receiverAt(o.out, o.name+"-receivers"); err != nil {
		return nil, err
	}
	if err = choose(c.receiver, []string{"$hermes/postoffice/"}); err == nil {
		err = c.receiver.Start()
	}
	if err != nil {
		_ = c.receiver.Close()
		return nil, fmt.Errorf("--out: %w", blame(err))
	}
	return func() { _ = c.receiver.Close() }, nil
}

// count is what is known by now. The receiver that asks is not counted.
func (c *officeCounts) count() int {
	for c.receiver != nil {
		e, err := c.receiver.Recv(0)
		if err != nil {
			break
		}
		var stats core.PostOfficeStats
		if !strings.HasSuffix(e.Topic, "/stats") || json.Unmarshal(e.Data, &stats) != nil {
			continue
		}
		n := -1
		for _, p := range stats.Subscribers {
			if p.Subscriptions > 0 {
				n++
			}
		}
		c.of[e.Topic] = max(n, 0)
	}
	all := 0
	for _, n := range c.of {
		all += n
	}
	return all
}
