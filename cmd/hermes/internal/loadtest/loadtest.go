// Package loadtest publishes through a post office for a while, and measures what arrives: how
// much, how soon, and what not. It is the machine of hermes bench.
//
// Each envelope carries the time at which it was due, so that a publisher that is late is seen as
// delay, and not left out (what is known as coordinated omission). The delay ends when the program
// has the envelope. A run has three parts: publishers and receivers start, and warm up until every
// receiver has heard of every publisher; envelopes are published; and receivers wait until nothing
// comes any more. Only the second part's envelopes are counted, by their numbers.
//
// Receivers and publishers have goroutines of their own, and share only atomic counters.
package loadtest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hermes-zmq/hermes/core"
)

// Plan is what a run does.
type Plan struct {
	Publishers int           `json:"publishers"`
	Receivers  int           `json:"receivers"`
	Size       int           `json:"size"` // of the data, in bytes; MinSize at least
	Topics     int           `json:"topics"`
	Rate       float64       `json:"rate"` // envelopes a second, of all publishers together; 0: as many as pass
	Duration   time.Duration `json:"-"`    // of the measurement

	Prefix       string                             `json:"-"` // of the topics
	NewPublisher func(int) (*core.Publisher, error) `json:"-"` // not started
	NewReceiver  func(int) (*core.Receiver, error)  `json:"-"` // not started, without subscriptions
	Warm         time.Duration                      `json:"-"` // limit for the first part
	Progress     func(passed, all time.Duration)    `json:"-"` // may be nil
}

// MinSize is the size of a string with two numbers of eight bytes in it.
const MinSize = 2 + 2*16

// Result is what a run has measured.
type Result struct {
	Plan      Plan    `json:"plan"`
	Seconds   float64 `json:"seconds"`  // in which envelopes were published
	Sent      uint64  `json:"sent"`     // accepted by the publishers
	Expected  uint64  `json:"expected"` // sent, times receivers
	Received  uint64  `json:"received"`
	Lost      uint64  `json:"lost"` // expected and not received
	Late      uint64  `json:"late"` // not published in time, because the publisher was held back
	SentRate  float64 `json:"sent_rate"`
	Rate      float64 `json:"received_rate"`  // of all receivers together
	Bandwidth float64 `json:"received_bytes"` // of data, a second
	Delay     Delays  `json:"delay"`
}

// Delays are quantiles in seconds.
type Delays struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`

	Histogram []Bar `json:"histogram"` // in steps that double, without those that are empty
}

// Bar is one step of the histogram.
type Bar struct {
	From  float64 `json:"from"` // in seconds
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}

// barsOf is a histogram in steps that double.
func barsOf(h *hdrhistogram.Histogram) (bars []Bar) {
	for _, b := range h.Distribution() {
		if b.Count == 0 {
			continue
		}
		step := math.Floor(math.Log2(float64(max(b.To, 1))))
		from, to := math.Exp2(step)/1e6, math.Exp2(step+1)/1e6
		if n := len(bars); n > 0 && bars[n-1].From == from {
			bars[n-1].Count += b.Count
			continue
		}
		bars = append(bars, Bar{from, to, b.Count})
	}
	return bars
}

// run is one run.
type run struct {
	Plan
	publishers []*core.Publisher
	receivers  []*receiver
	measuring  atomic.Bool
	sent, late atomic.Uint64
	began      time.Time
}

type receiver struct {
	*core.Receiver
	received  atomic.Uint64
	heard     []atomic.Bool // by publisher
	histogram *hdrhistogram.Histogram
	err       error
}

// Check reports what is wrong with a plan.
func (p *Plan) Check() error {
	switch {
	case p.Publishers < 1 || p.Receivers < 1 || p.Topics < 1:
		return errors.New("a run has one publisher, one receiver and one topic at least")
	case p.Publishers > 1000 || p.Receivers > 1000:
		return errors.New("a run has 1000 publishers and 1000 receivers at most")
	case p.Size < MinSize:
		return fmt.Errorf("the size is %d bytes at least: the data carry a time and a number", MinSize)
	case p.Rate < 0 || p.Duration <= 0:
		return errors.New("rate and duration cannot be negative")
	}
	return nil
}

// Run makes one run. It ends early, with what it has measured so far, when ctx is done.
func Run(ctx context.Context, plan Plan) (*Result, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	r := &run{Plan: plan}
	defer r.close()
	if err := r.open(); err != nil {
		return nil, err
	}
	var receiving sync.WaitGroup
	for _, x := range r.receivers {
		receiving.Go(func() { r.receive(x) })
	}
	defer receiving.Wait()
	defer func() {
		for _, x := range r.receivers {
			_ = x.Stop(time.Second)
		}
	}()
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	took, err := r.publish(ctx)
	if err != nil {
		return nil, err
	}
	r.drain(ctx)
	for _, x := range r.receivers {
		_ = x.Stop(time.Second)
	}
	receiving.Wait()
	return r.result(took), nil
}

func (r *run) open() error {
	for i := range r.Receivers {
		x, err := r.NewReceiver(i)
		if err != nil {
			return err
		}
		r.receivers = append(r.receivers, &receiver{Receiver: x, heard: make([]atomic.Bool, r.Publishers),
			histogram: hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)})
		if err := errors.Join(x.Set("on_slow", "ignore"), x.Subscribe(r.Prefix)); err != nil {
			return err
		}
		if err := x.Start(); err != nil {
			return err
		}
	}
	for i := range r.Publishers {
		p, err := r.NewPublisher(i)
		if err != nil {
			return err
		}
		r.publishers = append(r.publishers, p)
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) close() {
	for _, p := range r.publishers {
		_ = p.Close()
	}
	for _, x := range r.receivers {
		_ = x.Close()
	}
}

// warmUp publishes until every receiver has heard of every publisher.
func (r *run) warmUp(ctx context.Context) error {
	const again = 50 * time.Millisecond
	for end := time.Now().Add(r.Warm); ; {
		for i, p := range r.publishers {
			if err := p.Publish(r.Prefix, "", r.data(nil, math.MaxUint64, uint64(i))); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
		missing := r.missing()
		if missing == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d pairs of publisher and receiver had no connection within %v: %w",
				missing, r.Publishers*r.Receivers, r.Warm, r.why())
		}
	}
}

func (r *run) missing() (n int) {
	for _, x := range r.receivers {
		for i := range x.heard {
			if !x.heard[i].Load() {
				n++
			}
		}
	}
	return n
}

// why is what a component knows of a missing connection.
func (r *run) why() error {
	for _, x := range r.receivers {
		if err := x.WaitReady(time.Millisecond); err != nil {
			return err
		}
	}
	for _, p := range r.publishers {
		if err := p.WaitReady(time.Millisecond); err != nil {
			return err
		}
	}
	return &core.Error{Code: core.ETIMEOUT, Text: "both are connected; does one post office have both addresses?"}
}

// data makes a JSON string of the wanted size with the two numbers in it.
func (r *run) data(buf []byte, at, number uint64) []byte {
	if cap(buf) < r.Size {
		buf = make([]byte, r.Size)
		for i := range buf {
			buf[i] = 'x'
		}
		buf[0], buf[r.Size-1] = '"', '"'
	}
	buf = buf[:r.Size]
	put(buf[1:17], at)
	put(buf[17:33], number)
	return buf
}

func put(dst []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := range 16 {
		dst[i] = digits[n>>(60-4*i)&15]
	}
}

func get(src []byte) (n uint64, ok bool) {
	var raw [8]byte
	if _, err := hex.Decode(raw[:], src); err != nil {
		return 0, false
	}
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n, true
}

// publish runs all publishers for the duration, and gives how long that took.
func (r *run) publish(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	r.began = time.Now()
	r.measuring.Store(true)
	var group sync.WaitGroup
	errs := make([]error, r.Publishers)
	for i, p := range r.publishers {
		group.Go(func() {
			if errs[i] = r.publishAs(ctx, i, p); errs[i] != nil {
				cancel()
			}
		})
	}
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			took := time.Since(r.began)
			for _, p := range r.publishers {
				_ = p.Stop(10 * time.Second)
			}
			return took, errors.Join(errs...)
		case <-tick.C:
			if r.Progress != nil {
				r.Progress(time.Since(r.began), r.Duration)
			}
		}
	}
}

// publishAs is one publisher. With a rate, envelope n is due at n/rate; several that are due are
// published at once.
func (r *run) publishAs(ctx context.Context, i int, p *core.Publisher) error {
	topics := make([][]byte, r.Topics)
	for t := range topics {
		topics[t] = fmt.Appendf(nil, "%s/%d", r.Prefix, t)
	}
	every := time.Duration(0)
	if r.Rate > 0 {
		every = time.Duration(float64(r.Publishers) / r.Rate * float64(time.Second))
	}
	var buf []byte
	due := time.Duration(i) * every / time.Duration(r.Publishers)
	for n := 0; ctx.Err() == nil; n++ {
		now := time.Since(r.began)
		at := now
		if every > 0 {
			if at = due; due > now {
				select {
				case <-time.After(due - now):
				case <-ctx.Done():
					return nil
				}
			}
			due += every
		}
		buf = r.data(buf, uint64(at), uint64(n))
		switch err := p.PublishBytes(topics[n%len(topics)], nil, buf); core.CodeOf(err) {
		case core.OK:
			r.sent.Add(1)
		case core.EFULL:
			r.late.Add(1)
		default:
			return err
		}
	}
	return nil
}

// receive is one receiver.
func (r *run) receive(x *receiver) {
	for {
		d, err := x.Take(1024, -1)
		if err != nil {
			x.err = err
			return
		}
		n, now := uint64(0), int64(0)
		if r.measuring.Load() {
			now = int64(time.Since(r.began))
		}
		for i := range d.Len() {
			v := d.At(i)
			if len(v.Data) < MinSize {
				continue
			}
			at, ok := get(v.Data[1:17])
			number, ok2 := get(v.Data[17:33])
			switch {
			case !ok || !ok2:
			case at == math.MaxUint64:
				if number < uint64(len(x.heard)) {
					x.heard[number].Store(true)
				}
			default:
				n++
				_ = x.histogram.RecordValue(max((now-int64(at))/1000, 1)) // an hour at most, by the plan
			}
		}
		d.Release()
		x.received.Add(n)
	}
}

// drain waits until all has arrived, or nothing has come for a while.
func (r *run) drain(ctx context.Context) {
	const quiet = 2 * time.Second
	last, since := uint64(0), time.Now()
	for ctx.Err() == nil {
		got := r.received()
		switch {
		case got >= r.sent.Load()*uint64(r.Receivers):
			return
		case got != last:
			last, since = got, time.Now()
		case time.Since(since) > quiet:
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *run) received() (n uint64) {
	for _, x := range r.receivers {
		n += x.received.Load()
	}
	return n
}

func (r *run) result(took time.Duration) *Result {
	h := hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)
	for _, x := range r.receivers {
		h.Merge(x.histogram)
	}
	got, sent := r.received(), r.sent.Load()
	out := &Result{Plan: r.Plan, Seconds: took.Seconds(), Sent: sent, Expected: sent * uint64(r.Receivers), Received: got,
		Late: r.late.Load(), SentRate: float64(sent) / took.Seconds(), Rate: float64(got) / took.Seconds()}
	out.Lost = out.Expected - min(got, out.Expected)
	out.Bandwidth = out.Rate * float64(r.Size)
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e6 }
	if got > 0 {
		out.Delay = Delays{Min: float64(h.Min()) / 1e6, Mean: h.Mean() / 1e6, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
			Max: float64(h.Max()) / 1e6, Histogram: barsOf(h)}
	}
	return out
}
