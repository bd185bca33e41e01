package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/supervisor"
	"github.com/hermes-zmq/hermes/core"
)

// service is a post office while it runs: what it was told, and what can be changed of it.
type service struct {
	std    streams
	flags  *postOfficeFlags
	config *config.Config // in effect
	log    *logs.Logger
	office *core.PostOffice
	joint  *joint
	web    *web // nil: it serves no HTTP

	// live has, by key, how a changed setting takes effect that is marked as live (config.MarkLive), besides
	// the options of the post office.
	live map[string]func(value string) error

	every   atomic.Int64  // --stats, in ns
	changed chan struct{} // every has changed
}

// postOffice relays until ctx is done.
func postOffice(ctx context.Context, std streams, o *postOfficeFlags) error {
	switch {
	case o.check:
		return o.checkConfig(std)
	case o.health:
		return o.askHealth(ctx, std)
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	log, err := o.log(std)
	if err != nil {
		return err
	}
	defer log.Close()
	for _, text := range c.Warnings {
		log.Warn(text, "kind", "config")
	}
	joins, err := o.backbone.options()
	if err != nil {
		return err
	}
	if err := o.activate(supervisor.Sockets()); err != nil {
		return err
	}
	office, err := o.office(c, o.in, o.out, o.debug)
	if err != nil {
		return err
	}
	defer office.Close()
	s := &service{std: std, flags: o, config: c, log: log, office: office, changed: make(chan struct{}, 1)}
	s.setLive()
	if s.joint, err = join(log, office, joins); err != nil {
		return blame(err)
	}
	defer s.joint.leave()
	if s.web, err = o.http.open(log, office, s.joint); err != nil {
		return err
	}
	defer s.web.close()
	return s.serve(ctx)
}

// serve runs the post office until ctx is done, which is no error, or it fails.
func (s *service) serve(ctx context.Context) error {
	if err := s.office.Start(); err != nil {
		return blame(err)
	}
	defer s.backgroundEvents()()
	defer s.web.serve()()
	defer s.reloadOnHangup()()
	if err := s.printEndpoints(); err != nil {
		return err
	}
	supervisor.Ready("relays between publishers and receivers")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go supervisor.Watchdog(ctx, (&health{office: s.office}).check, func(err error) {
		s.log.Error("the supervisor is not told that the post office is alive: "+err.Error(), "kind", "unhealthy")
	})
	go s.reportStatus(ctx)
	return s.watch(ctx)
}

// backgroundEvents logs the events of the post office; the function that it returns stops it, and waits for the last.
func (s *service) backgroundEvents() (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		logEvents(s.log, s.office.Name(), s.office, s.web.hears)
	}()
	return func() {
		_ = s.office.Stop(time.Second)
		<-done
	}
}

// printEndpoints prints the addresses of the post office, and of the NATS server inside it, with
// the ports that the system chose.
func (s *service) printEndpoints() error {
	sides := []string{"in", "out"}
	if s.flags.debug != "" {
		sides = append(sides, "debug")
	}
	endpoints := map[string]string{}
	for _, side := range sides {
		endpoint, err := s.office.Get("endpoint." + side)
		if err != nil {
			return err
		}
		endpoints[side] = endpoint
	}
	if at := s.joint.endpoint(); at != "" {
		endpoints["backbone"] = at
	}
	if at := s.web.endpoint(); at != "" {
		endpoints["http"] = at
	}
	return json.NewEncoder(s.std.out).Encode(endpoints)
}

// watch waits until ctx is done, which is no error, or the post office fails. Counters are
// printed beside it, so that a reader that does not read them stops nothing.
func (s *service) watch(ctx context.Context) error {
	end := stopWith(ctx, s.office)
	defer end()
	defer context.AfterFunc(ctx, func() { supervisor.Stopping("relays what is on its way, and ends") })()
	over, printed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(printed)
		s.printStats(over)
	}()
	err := s.office.Wait(-1)
	close(over)
	if s.every.Load() > 0 {
		s.std.finish()
	}
	<-printed
	return err
}

// printStats prints the counters at the interval of --stats, and at the end.
func (s *service) printStats(over <-chan struct{}) {
	w := newStatsWriter(s.std.out, s.office, s.joint)
	for {
		var due <-chan time.Time
		every := time.Duration(s.every.Load())
		if every > 0 {
			due = time.After(every)
		}
		select {
		case <-due:
			w.print()
		case <-s.changed:
		case <-over:
			if every > 0 {
				w.print()
			}
			return
		}
	}
}

// setEvery changes the interval of --stats.
func (s *service) setEvery(every time.Duration) {
	s.every.Store(int64(every))
	select {
	case s.changed <- struct{}{}:
	default: // it has not been read yet
	}
}

// statusInterval is how often the supervisor is told what goes on.
const statusInterval = 10 * time.Second

// reportStatus tells the supervisor the rates, until ctx is done.
func (s *service) reportStatus(ctx context.Context) {
	if !supervisor.Wanted() {
		return
	}
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	before := s.office.Stats()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := s.office.Stats()
		supervisor.Status(statusLine(before, now, statusInterval))
		before = now
	}
}

// statusLine is what has happened between two looks at the counters.
func statusLine(before, now core.PostOfficeStats, interval time.Duration) string {
	rate := func(new, old uint64) float64 { return float64(new-old) / interval.Seconds() }
	return fmt.Sprintf("%.0f messages/s in, %.0f out, %.0f dropped; %d publishers, %d receivers",
		rate(now.InMessages, before.InMessages), rate(now.OutMessages, before.OutMessages), rate(now.Dropped, before.Dropped),
		len(now.Publishers), len(now.Subscribers))
}
