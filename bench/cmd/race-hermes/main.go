// Command race-hermes is the contestant: hermes as a Go library.
//
//	race-hermes office   in=ADDRESS out=ADDRESS    says what it allocated
//	race-hermes publish  in=ADDRESS   [typed=1]
//	race-hermes receive  out=ADDRESS  [typed=1]
package main

import (
	"fmt"
	"log"

	"github.com/hermes-zmq/hermes/bench/internal/race"
	"github.com/hermes-zmq/hermes/core"
)

// most is how much is taken in one call.
const most = 1024

// tick is a tick as a struct.
type tick struct {
	core.Message
	Symbol string
	Price  float64
	Number uint64
}

func main() {
	switch role := race.Role(); role {
	case "office":
		office()
	case "publish":
		publish()
	case "receive":
		receive()
	default:
		log.Fatal("no role ", role)
	}
}

func start(c core.Component, options map[string]string) {
	for key, value := range options {
		race.Must(c.Set(key, value))
	}
	race.Must(c.Start())
}

// unlimited is for queues that may not lose anything here, however fast it comes.
func unlimited() map[string]string {
	return map[string]string{"queue.messages": "1000000000", "queue.bytes": "64GiB"}
}

// office is for the line about memory, which asks how much a post office allocates; in
// the others it is the hermes command.
func office() {
	o, err := core.NewPostOffice(race.Text("in", ""), race.Text("out", ""), "")
	race.Must(err)
	start(o, unlimited())
	before := race.Allocated()
	race.WaitForEnd()
	fmt.Printf("{\"allocations\": %d}\n", race.Allocated()-before)
	race.Must(o.Close())
}

func publish() {
	p, err := core.NewPublisher(race.Text("in", ""), race.Text("origin", "p000"))
	race.Must(err)
	// Where the queue is full, wait rather than give up.
	start(p, map[string]string{"queue.block": "1m"})
	topics := race.Topics()
	if race.Typed() {
		race.PublishValues(func(topic int, v race.Values) {
			race.Must(p.PublishValue(topics[topic], &tick{core.Message{DType: v.DType, TS: v.TS}, v.Symbol, v.Price, v.Number}))
		})
		race.WaitForEnd()
		race.Must(p.Close())
		return
	}
	race.Publish(func(topic int, data []byte) {
		race.Must(p.Publish(topics[topic], "", data))
	}, func() {})
	race.WaitForEnd()
	race.Must(p.Close())
}

func receive() {
	r, err := core.NewReceiver(race.Text("out", ""), "receiver")
	race.Must(err)
	options := unlimited()
	options["on_slow"] = "ignore"
	start(r, options)
	check := race.NewCheck()
	for taking := true; taking; {
		d, err := r.Take(most, race.Silence)
		if err != nil {
			break
		}
		for i := 0; i < d.Len() && taking; i++ {
			view := d.At(i)
			if !race.Typed() {
				taking = !check.Take(view.Topic, view.Data)
				continue
			}
			var t tick
			race.Must(view.Decode(&t))
			taking = !check.TakeValues(view.Topic, race.Values{DType: t.DType, TS: t.TS, Symbol: t.Symbol, Price: t.Price, Number: t.Number})
		}
		d.Release()
	}
	check.Print()
	race.WaitForEnd()
	race.Must(r.Close())
}
