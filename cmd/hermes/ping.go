package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/probe"
	"github.com/hermes-zmq/hermes/core"
)

// pingFlags are what the command line says of ping.
type pingFlags struct {
	target   *target
	print    *printer
	count    int
	interval time.Duration
	topic    string
}

func newPingCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "ping [flags] [ADDRESS [ADDRESS]]",
		Short: "measure round trips, over a connection or through a post office",
		Long: `With one address it measures round trips over a connection: PING and PONG of ZMTP, which post offices and libzmq
answer without the program behind. That needs an address without keys. With the addresses for publishers and for
receivers of a post office, or a context that has both, each round trip is an envelope: published at the one, received
at the other.

It prints each round trip, and at the end the least, the median, the 99th percentile, and how many were lost. The exit
code is 3 if none came back, and 5 if some did not. The topic of the envelopes begins with $hermes/ping/, which
subscribers to everything do not get from a post office of 2.x; --topic chooses another prefix.`,
		Example: "hermes ping tcp://127.0.0.1:6001 --count 3 --interval 100ms\nhermes ping tcp://127.0.0.1:6000 tcp://127.0.0.1:6001 --count 3 --interval 100ms",
		GroupID: groupLook,
	}
	o := pingFlags{target: addTarget(c), print: addPrinter(c, std)}
	o.target.addTimeout(c, 2*time.Second, "time limit for the connection, and for each round trip")
	f := c.Flags()
	f.IntVarP(&o.count, "count", "n", 5, "how many round trips; 0 has no limit")
	f.DurationVar(&o.interval, "interval", time.Second, "time from one to the next")
	f.StringVar(&o.topic, "topic", "$hermes/ping/", "`prefix` of the topic of what is sent through a post office")
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := o.target.resolve(args)
		all := o.target.addresses()
		switch {
		case err != nil:
			return err
		case len(rest) > 0 || len(all) > 2:
			return usageError{"takes one or two addresses"}
		case o.count < 0 || o.interval <= 0 || o.target.timeout == 0:
			return usageError{"--count cannot be negative, and --interval and --timeout are longer than 0"}
		}
		return o.run(c.Context(), std, all)
	}
	return c
}

// trips makes round trips.
type trips interface {
	// trip makes one; ETIMEOUT and os.ErrDeadlineExceeded say that it was lost.
	trip(number int) (time.Duration, error)
	close()
}

func (o *pingFlags) run(ctx context.Context, std streams, addresses []string) error {
	var t trips
	var err error
	if len(addresses) == 1 {
		t, err = o.overConnection(ctx, addresses[0])
	} else {
		t, err = o.throughOffice(ctx, std, addresses[0], addresses[1])
	}
	if err != nil {
		return err
	}
	defer t.close()
	bar := newProgress(besideOutput(std), "measuring", int64(o.count))
	defer bar.end()
	h := hdrhistogram.New(1, int64(time.Hour), 3) // nanoseconds
	sent := 0
	for ; (o.count == 0 || sent < o.count) && ctx.Err() == nil; sent++ {
		if sent > 0 {
			select {
			case <-time.After(o.interval):
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				break
			}
		}
		took, err := t.trip(sent)
		bar.add(1)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			_ = h.RecordValue(int64(took)) // an hour at most, by --timeout
		} else if !isTimeout(err) {
			return err
		}
		if err := o.printTrip(sent, took, err); err != nil {
			return err
		}
	}
	return o.finish(h, sent)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return core.CodeOf(err) == core.ETIMEOUT || errors.As(err, &timeout) && timeout.Timeout()
}

func (o *pingFlags) printTrip(number int, took time.Duration, lost error) error {
	if o.print.asTable() {
		text := fmt.Sprintf("%d  %s\n", number+1, humane.Seconds(took.Seconds()))
		if lost != nil {
			text = styleRed.Render(fmt.Sprintf("%d  lost", number+1)) + "\n"
		}
		return o.print.text(text)
	}
	line := struct {
		Number  int      `json:"number"`
		Seconds *float64 `json:"seconds"` // null: lost
	}{Number: number + 1}
	if s := took.Seconds(); lost == nil {
		line.Seconds = &s
	}
	return o.print.line(line)
}

// finish prints the sums.
func (o *pingFlags) finish(h *hdrhistogram.Histogram, sent int) error {
	came := int(h.TotalCount())
	sum := struct {
		Sent int     `json:"sent"`
		Came int     `json:"received"`
		Lost float64 `json:"lost"` // share
		Min  float64 `json:"min"`
		P50  float64 `json:"p50"`
		P99  float64 `json:"p99"`
		Max  float64 `json:"max"`
	}{Sent: sent, Came: came, Lost: 1 - float64(came)/float64(max(sent, 1))}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e9 }
	if came > 0 {
		sum.Min, sum.P50, sum.P99, sum.Max = float64(h.Min())/1e9, at(50), at(99), float64(h.Max())/1e9
	}
	var err error
	if o.print.asTable() {
		err = o.print.text(fmt.Sprintf("%d sent, %d came back, %s lost; min %s, p50 %s, p99 %s, max %s\n", sent, came, humane.Percent(sum.Lost),
			humane.Seconds(sum.Min), humane.Seconds(sum.P50), humane.Seconds(sum.P99), humane.Seconds(sum.Max)))
	} else {
		err = o.print.line(sum)
	}
	switch {
	case err != nil:
		return err
	case came == 0 && sent > 0:
		return nothingCame("none of %d round trips came back; hermes doctor looks for the reason", sent)
	case came < sent:
		return incomplete("%d of %d round trips did not come back", sent-came, sent)
	}
	return nil
}

// connectionTrips are PINGs of ZMTP.
type connectionTrips struct {
	*probe.Conn
	limit time.Duration
}

func (o *pingFlags) overConnection(ctx context.Context, address string) (trips, error) {
	t, err := probe.Parse(address)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	limited, cancel := context.WithTimeout(ctx, o.target.timeout)
	defer cancel()
	places, err := t.Resolve(limited)
	if err != nil {
		return nil, err
	}
	for _, as := range []string{"SUB", "PUB"} {
		// Nothing is said that anyone may not hear, so the certificate does not matter.
		c, err := t.Dial(limited, places[0], &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		if err != nil {
			return nil, nothingCame("cannot connect to %s: %w; %s", address, plainCause(err), connectAdvice(err))
		}
		c.Until(time.Now().Add(o.target.timeout))
		if err = c.Greet(); err == nil && c.Peer.Mechanism != "NULL" {
			err = fmt.Errorf("%s demands the mechanism %s, for which keys are needed; ping it through the post office, with both addresses, or use hermes doctor",
				address, c.Peer.Mechanism)
		} else if err == nil {
			err = c.Introduce(as)
		}
		takes := c.Ready.SocketType == "XSUB" || c.Ready.SocketType == "SUB"
		var refuses *probe.Refused
		switch {
		case as == "SUB" && (takes || errors.As(err, &refuses)):
			c.Close()
			continue
		case err != nil:
			c.Close()
			return nil, err
		}
		context.AfterFunc(ctx, func() { c.Close() })
		return &connectionTrips{c, o.target.timeout}, nil
	}
	panic("not reached")
}

func (t *connectionTrips) trip(number int) (time.Duration, error) {
	t.Until(time.Now().Add(t.limit))
	return t.Ping(uint32(number))
}

func (t *connectionTrips) close() { t.Conn.Close() }

// officeTrips are envelopes through a post office.
type officeTrips struct {
	publisher *core.Publisher
	receiver  *core.Receiver
	topic     string
	limit     time.Duration
	end       func()
}

// throughOffice waits until the subscription has come through: until a first envelope has.
func (o *pingFlags) throughOffice(ctx context.Context, std streams, in, out string) (trips, error) {
	p, err := o.target.publisherAt(in, "hermes-ping")
	if err != nil {
		return nil, err
	}
	r, err := o.target.receiverAt(out, "hermes-ping")
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	t := &officeTrips{publisher: p, receiver: r, topic: fmt.Sprintf("%s%016x", o.topic, rand.Uint64()), limit: o.target.timeout}
	t.end = func() { _, _ = p.Close(), r.Close() }
	if err := errors.Join(observe.Prepare(r), r.Subscribe(t.topic), p.Set("ready.hold", "0"), p.Start(), r.Start()); err != nil {
		t.end()
		return nil, blame(err)
	}
	unwatch, reportP, reportR := stopWith(ctx, r), background(std, p, false), background(std, r, false)
	t.end = func() { unwatch(); reportP(); reportR(); _, _ = p.Close(), r.Close() }
	for began := time.Now(); ; {
		err := p.Publish(t.topic, "", []byte("-1"))
		if err == nil {
			if _, err = r.Recv(20 * time.Millisecond); err == nil {
				return t, nil
			}
		}
		if core.CodeOf(err) == core.ETIMEOUT && time.Since(began) > t.limit {
			err = cmpErr(r.WaitReady(time.Millisecond), nothingCame("nothing that was published at %s came out at %s within %v: are both the same post office's? "+
				"A policy may deny the topic, too: --topic chooses another", in, out, t.limit))
		}
		if err != nil && core.CodeOf(err) != core.ETIMEOUT || time.Since(began) > t.limit {
			t.end()
			return nil, err
		}
	}
}

// cmpErr is the first of two errors that is one.
func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (t *officeTrips) trip(number int) (time.Duration, error) {
	began := time.Now()
	if err := t.publisher.Publish(t.topic, "", strconv.AppendInt(nil, int64(number), 10)); err != nil {
		return 0, err
	}
	for {
		e, err := t.receiver.Recv(t.limit - time.Since(began))
		if err != nil {
			return 0, err
		}
		if string(e.Data) == strconv.Itoa(number) {
			return time.Since(began), nil
		} // one that was taken for lost
		if time.Since(began) > t.limit {
			return 0, &core.Error{Code: core.ETIMEOUT, Text: "lost"}
		}
	}
}

func (t *officeTrips) close() { t.end() }
