package zmtp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// throttled is an outlet that holds back publishers, with StallTimeout never if stall is 0.
func throttled(t *testing.T, overflow carrier.Overflow, messages int, stall time.Duration) *outlet {
	t.Helper()
	if stall == 0 {
		stall = time.Hour
	}
	out, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config:   config(carrier.XPUB, []option{bind("tcp://127.0.0.1:*")}),
		Overflow: overflow, QueueMessages: messages,
		StallTimeout: func() time.Duration { return stall },
	})
	require.NoError(t, err)
	t.Cleanup(func() { out.Close(0) })
	return out.(*outlet)
}

// subscriber is a peer of an outlet that follows a prefix and takes at its own speed.
type subscriber struct {
	gatedSink
	pause func() time.Duration // before each batch; may be nil
	id    uint64
}

func (s *subscriber) deliver(b *batch.Batch) {
	if s.pause != nil {
		time.Sleep(s.pause())
	}
	s.gatedSink.deliver(b)
}

func follow(t *testing.T, o *outlet, prefix string, s *subscriber) *subscriber {
	t.Helper()
	before := map[uint64]bool{}
	for _, p := range o.Peers() {
		before[p.ID] = true
	}
	in, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.SUB, []option{dial(o.Endpoints()[0])}), Deliver: s.deliver})
	require.NoError(t, err)
	t.Cleanup(in.Close)
	t.Cleanup(s.gatedSink.open)
	require.NoError(t, in.Subscribe([]byte(prefix)))
	testkit.Eventually(t, func() bool {
		for _, p := range o.Peers() {
			if !before[p.ID] && p.Subscriptions == 1 {
				s.id = p.ID
				return true
			}
		}
		return false
	}, "the subscriber is there")
	return s
}

func peer(o *outlet, id uint64) carrier.Peer {
	for _, p := range o.Peers() {
		if p.ID == id {
			return p
		}
	}
	return carrier.Peer{}
}

// flood sends n batches of one publisher, each of messages of so many bytes, and adds up what has
// become of them.
func flood(o *outlet, s *flow.Source, topic string, n, messages, bytes int) (sum carrier.Tally) {
	payload := make([]byte, bytes)
	for range n {
		b := &batch.Batch{}
		for range messages {
			b.AppendFrame([]byte(topic), true)
			b.AppendFrame(payload, false)
		}
		t := o.SendFrom(s, b)
		sum.Sent, sum.Dropped, sum.Unwanted, sum.NoPeer = sum.Sent+t.Sent, sum.Dropped+t.Dropped, sum.Unwanted+t.Unwanted, sum.NoPeer+t.NoPeer
	}
	return sum
}

// waits reports whether a publisher is held back now: then its time grows.
func waits(s *flow.Source) bool {
	now := flow.Now()
	return s.Held(now+time.Hour).Total > s.Held(now).Total
}

func hermesPublisher(id uint64) *flow.Source { return flow.New(id, "tcp://publisher", true) }

// slowly pauses before each batch.
func slowly(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestOneSlowSubscriberLosesNothingAndLittleWaitsForIt(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.Auto, carrier.Block} {
		t.Run(fmt.Sprint(overflow), func(t *testing.T) {
			o := throttled(t, overflow, 0, 0)
			slow := follow(t, o, "", &subscriber{pause: slowly(time.Millisecond)})
			slow.gatedSink.close() // until the publisher is held back
			const n, messages, bytes = 600, 64, 1 << 10
			var most atomic.Int64
			done := make(chan carrier.Tally, 1)
			s := hermesPublisher(1)
			go func() { done <- flood(o, s, "a", n, messages, bytes) }()
			testkit.Eventually(t, func() bool { return waits(s) }, "it is held back")
			slow.gatedSink.open()
			var sum carrier.Tally
			testkit.Eventually(t, func() bool {
				most.Store(max(most.Load(), peer(o, slow.id).QueueBytes))
				select {
				case sum = <-done:
					return true
				default:
					return false
				}
			}, "everything is sent")
			require.Equal(t, n*messages, sum.Sent)
			slow.sink.wait(t, n*messages)
			require.LessOrEqual(t, most.Load(), int64(behindBytes+2*messages*(bytes+100)), "what waits at the post office")
			held := s.Held(flow.Now())
			require.Positive(t, held.Total)
			require.Equal(t, slow.id, held.By)
		})
	}
}

func TestWithSmallBoundsOneSlowSubscriberLosesNothing(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.Auto, carrier.Block} {
		o := throttled(t, overflow, 3, 0)
		slow := follow(t, o, "", &subscriber{pause: slowly(100 * time.Microsecond)})
		sum := flood(o, hermesPublisher(1), "a", 50, 40, 20_000)
		require.Equal(t, 50*40, sum.Sent)
		slow.sink.wait(t, 50*40)
	}
}

func TestInAutoASlowSubscriberDoesNotSlowAFastOne(t *testing.T) {
	const queue, messages = 2000, 20
	o := throttled(t, carrier.Auto, queue, 0)
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close() // so nothing could be sent if anybody waited for it
	fast := follow(t, o, "", &subscriber{})
	s := hermesPublisher(1)
	total := 0
	testkit.Repeat(t, "the other loses", func() bool {
		require.Equal(t, messages, flood(o, s, "a", 1, messages, 10_000).Sent)
		total += messages
		return peer(o, stalled.id).Dropped > 10*queue
	})
	fast.sink.wait(t, total)
	require.Zero(t, peer(o, fast.id).Dropped)
	stalled.gatedSink.open()
	stalled.sink.wait(t, total-int(peer(o, stalled.id).Dropped))
}

func TestInBlockASlowSubscriberSlowsTheOthersAndNobodyLoses(t *testing.T) {
	o := throttled(t, carrier.Block, 100, 0)
	slow := follow(t, o, "", &subscriber{pause: slowly(time.Millisecond)})
	fast := follow(t, o, "", &subscriber{})
	sum := flood(o, hermesPublisher(1), "a", 200, 50, 5000)
	require.Equal(t, 200*50, sum.Sent)
	slow.sink.wait(t, 200*50)
	fast.sink.wait(t, 200*50)
}

func TestAStalledSubscriberIsWaitedForOnceAndTakesPartAgainWhenItHasCaughtUp(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.Auto, carrier.Block} {
		t.Run(fmt.Sprint(overflow), func(t *testing.T) {
			const messages = 50
			o := throttled(t, overflow, 200, 100*time.Millisecond)
			stalled := follow(t, o, "", &subscriber{})
			stalled.gatedSink.close()
			s := hermesPublisher(1)
			total := 0
			send := func() {
				flood(o, s, "a", 1, messages, 10_000)
				total += messages
			}
			testkit.Repeat(t, "it is stalled", func() bool { send(); return peer(o, stalled.id).Dropped > 0 })
			held := s.Held(flow.Now()).Total
			require.GreaterOrEqual(t, held, 100*time.Millisecond)
			for range 200 {
				send()
			}
			require.Equal(t, held, s.Held(flow.Now()).Total, "no publisher waits for it any more")

			stalled.gatedSink.open()
			testkit.Eventually(t, func() bool { return peer(o, stalled.id).QueueMessages == 0 }, "it has caught up")
			missed := peer(o, stalled.id).Dropped
			for range 200 {
				send()
			}
			require.Equal(t, missed, peer(o, stalled.id).Dropped, "it is waited for again")
			stalled.sink.wait(t, total-int(missed))
		})
	}
}

// TestAPublisherWaitsOnlyForItsOwnFollowers: what one topic's subscriber does not take is
// nothing to the publisher of another.
func TestAPublisherWaitsOnlyForItsOwnFollowers(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.Auto, carrier.Block} {
		o := throttled(t, overflow, 50, 0)
		stalled := follow(t, o, "a", &subscriber{})
		stalled.gatedSink.close()
		other := follow(t, o, "b", &subscriber{})
		held := make(chan carrier.Tally, 1)
		go func() { held <- flood(o, hermesPublisher(1), "a", 500, 50, 10_000) }()
		testkit.Eventually(t, func() bool { return o.throttle.level.behind.Load() > 0 }, "one is behind")
		sum := flood(o, hermesPublisher(2), "b", 500, 50, 10_000)
		require.Equal(t, 500*50, sum.Sent)
		other.sink.wait(t, 500*50)
		select {
		case <-held:
			require.Fail(t, "the publisher of the other topic did not wait")
		default:
		}
		stalled.gatedSink.open()
		require.Equal(t, 500*50, testkit.Receive(t, held, "the publisher that was held back").Sent)
		stalled.sink.wait(t, 500*50)
	}
}

func TestInAutoAFollowerOfAnotherTopicIsNotHeldUp(t *testing.T) {
	o := throttled(t, carrier.Auto, 50, 0)
	stalled := follow(t, o, "a", &subscriber{})
	stalled.gatedSink.close()
	fast := follow(t, o, "b", &subscriber{})
	s := hermesPublisher(1)
	total := 0
	testkit.Repeat(t, "the slow one loses", func() bool {
		flood(o, s, "a", 1, 50, 10_000)
		require.Equal(t, 50, flood(o, s, "b", 1, 50, 10).Sent)
		total += 50
		return peer(o, stalled.id).Dropped > 1000
	})
	fast.sink.wait(t, total)
}

func TestAPublisherThatDoesNotQueueIsHeldBackOnlyWhereAQueueIsFull(t *testing.T) {
	const messages = 20
	o := throttled(t, carrier.Auto, 400, 0)
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close()
	s := flow.New(1, "tcp://publisher", false)
	var sent atomic.Int64
	go func() {
		for range 2000 {
			sent.Add(int64(flood(o, s, "a", 1, messages, 5000).Sent))
		}
	}()
	testkit.Eventually(t, func() bool { return waits(s) }, "it is held back")
	require.Greater(t, peer(o, stalled.id).QueueMessages, 400-messages, "the queue is full")
	stalled.gatedSink.open()
	testkit.Eventually(t, func() bool { return sent.Load() == 2000*messages }, "all is sent")
	stalled.sink.wait(t, 2000*messages)
}

func TestWaitsEndAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(*outlet){
		"EndWaits": func(o *outlet) { o.EndWaits() },
		"Close":    func(o *outlet) { o.Close(0) },
	} {
		for _, queue := range []int{10, 100_000} { // in the middle of a batch, and before one
			t.Run(fmt.Sprint(name, queue), func(t *testing.T) {
				o := throttled(t, carrier.Auto, queue, 0)
				stalled := follow(t, o, "", &subscriber{})
				stalled.gatedSink.close()
				s, done := hermesPublisher(1), make(chan carrier.Tally, 1)
				go func() { done <- flood(o, s, "a", 500, 100, 1000) }()
				testkit.Eventually(t, func() bool { return waits(s) }, "it is held back")
				end(o)
				sum := testkit.Receive(t, done, "the publisher")
				require.Equal(t, 500*100, sum.Sent+sum.Dropped+sum.NoPeer+sum.Unwanted)
			})
		}
	}
}

func TestASubscriberThatLeavesIsNotWaitedFor(t *testing.T) {
	o := throttled(t, carrier.Block, 1000, 0)
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close()
	stays := follow(t, o, "", &subscriber{})
	s, done := hermesPublisher(1), make(chan carrier.Tally, 1)
	go func() { done <- flood(o, s, "a", 500, 100, 1000) }()
	testkit.Eventually(t, func() bool { return waits(s) }, "it is held back")
	for _, c := range *o.peers.Load() {
		if c.id == stalled.id {
			c.abort(errClosing)
		}
	}
	require.Equal(t, 500*100, testkit.Receive(t, done, "the publisher").Sent)
	stays.sink.wait(t, 500*100)
	testkit.Eventually(t, func() bool { return o.throttle.level.behind.Load() == 0 }, "no peer is behind")
}

// TestTheBooksAtRandomSpeeds: publishers and subscribers of random speeds and topics; what each
// subscriber gets and what is dropped for it is what was sent to it, in order.
func TestTheBooksAtRandomSpeeds(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			overflow := []carrier.Overflow{carrier.Auto, carrier.Block}[random.IntN(2)]
			o := throttled(t, overflow, 1+random.IntN(3000), time.Duration(1+random.IntN(50))*time.Millisecond)
			topics := []string{"a", "b", "ab"}
			var subscribers []*subscriber
			prefixes := []string{"", "a", "b", "ab"}
			wants := []string{}
			for range 1 + random.IntN(4) {
				prefix, most := prefixes[random.IntN(len(prefixes))], random.Int64N(int64(2*time.Millisecond))
				s := &subscriber{pause: slowly(time.Duration(most))}
				s.gatedSink.sink.keep = true
				subscribers, wants = append(subscribers, follow(t, o, prefix, s)), append(wants, prefix)
			}
			sent := make([]atomic.Int64, len(topics))
			var publishers sync.WaitGroup
			for p := range 1 + random.IntN(3) {
				r := rand.New(rand.NewPCG(seed, uint64(p)))
				publishers.Add(1)
				go func() {
					defer publishers.Done()
					s := flow.New(uint64(p), "", r.IntN(3) > 0)
					for n := range 300 {
						which := r.IntN(len(topics))
						b := &batch.Batch{}
						for k := range 1 + r.IntN(40) {
							b.AppendFrame([]byte(topics[which]), true)
							b.AppendFrame([]byte{byte(p)}, true)
							b.AppendFrame(binary.BigEndian.AppendUint32(nil, uint32(n<<8+k)), true)
							b.AppendFrame(make([]byte, r.IntN(5000)), false)
						}
						tally := o.SendFrom(s, b)
						if tally.Sent+tally.Dropped+tally.Unwanted+tally.NoPeer+tally.Unsent != b.Len() {
							panic(fmt.Sprintf("%d messages: %+v", b.Len(), tally))
						}
						sent[which].Add(int64(b.Len()))
					}
				}()
			}
			publishers.Wait()
			for i, s := range subscribers {
				want := int64(0)
				for k, topic := range topics {
					if len(topic) >= len(wants[i]) && topic[:len(wants[i])] == wants[i] {
						want += sent[k].Load()
					}
				}
				testkit.Eventually(t, func() bool { return int64(s.sink.len())+int64(peer(o, s.id).Dropped) == want }, "the books of %d", i)
				requireInOrder(t, s.sink.got())
			}
			testkit.Eventually(t, func() bool { return o.throttle.level.behind.Load() == 0 }, "no peer is behind")
		})
	}
}

// requireInOrder requires that the numbers of each publisher and topic grow.
func requireInOrder(t *testing.T, messages [][]string) {
	t.Helper()
	last := map[string]uint32{}
	for _, m := range messages {
		key, n := m[0]+m[1], binary.BigEndian.Uint32([]byte(m[2]))
		before, some := last[key]
		require.True(t, !some || n > before, "%d after %d", n, before)
		last[key] = n
	}
}

// TestANewSubscriberDoesNotWaitForASlowOne: a publisher that is held back goes on when a peer has
// subscribed that takes what it sends.
func TestANewSubscriberDoesNotWaitForASlowOne(t *testing.T) {
	o := throttled(t, carrier.Auto, 100, 0)
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close()
	s, done := hermesPublisher(1), make(chan carrier.Tally, 1)
	go func() { done <- flood(o, s, "a", 500, 20, 10_000) }()
	testkit.Eventually(t, func() bool { return waits(s) }, "it is held back")
	fast := follow(t, o, "", &subscriber{})
	sum := testkit.Receive(t, done, "the publisher")
	require.Equal(t, 500*20, sum.Sent+sum.Dropped)
	testkit.Eventually(t, func() bool { return fast.sink.len() > 0 && peer(o, fast.id).QueueMessages == 0 }, "the new one gets it")
}

// TestTheFirstBatchOfAPublisherWaitsForNobody, for it is not known yet who else wants it.
func TestTheFirstBatchOfAPublisherWaitsForNobody(t *testing.T) {
	o := throttled(t, carrier.Auto, 100, 0)
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close()
	flooding := make(chan carrier.Tally, 1)
	s := hermesPublisher(1)
	go func() { flooding <- flood(o, s, "a", 500, 20, 10_000) }()
	testkit.Eventually(t, func() bool { return waits(s) }, "the slow one is behind")
	fast := follow(t, o, "b", &subscriber{})
	require.Equal(t, 200, flood(o, hermesPublisher(2), "b", 1, 200, 10_000).Sent)
	fast.sink.wait(t, 200)
	stalled.gatedSink.open()
	testkit.Receive(t, flooding, "the other publisher")
}

// TestAPeerThatIsNoLongerBehindIsNotStalled, however late it is found that it was.
func TestAPeerThatIsNoLongerBehindIsNotStalled(t *testing.T) {
	b, _ := newSendBuffer(t, 10, 1000)
	b.reportTo(&levels{})
	b.setStalled()
	require.False(t, b.stalled.Load())
	b.mu.Lock()
	b.setBehind()
	b.mu.Unlock()
	b.setStalled()
	require.True(t, b.stalled.Load())
	b.setBounds(10, 1000) // nothing is queued: it is no longer behind
	require.False(t, b.stalled.Load())
}

// TestWithACacheNoSendWaitsInTheMiddle: a subscription, whose replay waits for all Sends, would
// hold up everybody.
func TestWithACacheNoSendWaitsInTheMiddle(t *testing.T) {
	o := throttled(t, carrier.Block, 10, 0)
	o.replay = &lastValueReplay{cache: nothingCached{}, sends: &o.sends}
	stalled := follow(t, o, "", &subscriber{})
	stalled.gatedSink.close()
	s := flow.New(1, "tcp://publisher", false) // which waits only in the middle of a batch
	testkit.Repeat(t, "the slow one loses", func() bool {
		flood(o, s, "a", 1, 20, 10_000)
		return peer(o, stalled.id).Dropped > 0
	})
	require.Zero(t, s.Held(flow.Now()).Total)
}

// nothingCached is a cache without messages.
type nothingCached struct{}

func (nothingCached) Keep(*batch.Batch) {}
func (nothingCached) Recall(carrier.Peer, []byte, func([]byte) bool, func(*batch.Batch) int) int {
	return 0
}
