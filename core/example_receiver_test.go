package core_test

import (
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// startedReceiver starts a receiver that is bound, and takes what is a minute old at most.
func startedReceiver() *core.Receiver {
	receiver, err := core.NewReceiver("@tcp://127.0.0.1:*", "screen")
	if err != nil {
		panic(err)
	}
	if err := receiver.Set("timeout", "1m"); err != nil {
		panic(err)
	}
	if err := receiver.Start(); err != nil {
		panic(err)
	}
	return receiver
}

// publishedTo starts a publisher that connects to a receiver, and publishes these data under
// the topic "numbers".
func publishedTo(receiver *core.Receiver, data ...string) *core.Publisher {
	address, err := receiver.Get("endpoint")
	if err != nil {
		panic(err)
	}
	publisher, err := core.NewPublisher(address, "counter")
	if err != nil {
		panic(err)
	}
	if err := publisher.Set("ready.hold", "30s"); err != nil { // until there is a subscription
		panic(err)
	}
	if err := publisher.Start(); err != nil {
		panic(err)
	}
	for _, d := range data {
		if err := publisher.Publish("numbers", "", []byte(d)); err != nil {
			panic(err)
		}
	}
	return publisher
}

// A receiver as a rule connects to a post office. Here it is bound, and a publisher connects
// to it.
func ExampleReceiver() {
	receiver, err := core.NewReceiver("@tcp://127.0.0.1:*", "screen")
	if err != nil {
		panic(err)
	}
	defer receiver.Close()
	if err := receiver.Set("timeout", "1m"); err != nil {
		panic(err)
	}
	if err := receiver.Subscribe("numbers"); err != nil {
		panic(err)
	}
	if err := receiver.Start(); err != nil {
		panic(err)
	}
	defer publishedTo(receiver, `1`, `{"two": 2}`).Close()

	for range 2 {
		envelope, err := receiver.Recv(30 * time.Second)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s from %s: %s\n", envelope.Topic, envelope.Origin, envelope.Data)
	}
	// Output:
	// numbers from counter: 1
	// numbers from counter: {"two": 2}
}

// All gives envelopes until the receiver stops.
func ExampleReceiver_All() {
	receiver := startedReceiver()
	defer receiver.Close()
	defer publishedTo(receiver, `1`, `2`, `3`).Close()

	for envelope := range receiver.All() {
		var n int
		if err := envelope.Decode(&n); err != nil {
			panic(err)
		}
		fmt.Println(n)
		if n == 3 {
			break
		}
	}
	// Output:
	// 1
	// 2
	// 3
}

// Take gives many envelopes at once, and copies none of them.
func ExampleReceiver_Take() {
	receiver := startedReceiver()
	defer receiver.Close()
	defer publishedTo(receiver, `1`, `2`, `3`).Close()

	for left := 3; left > 0; {
		delivery, err := receiver.Take(left, 30*time.Second)
		if err != nil {
			panic(err)
		}
		for i := range delivery.Len() {
			envelope := delivery.At(i) // a view, void after Release
			fmt.Printf("%s: %s\n", envelope.Topic, envelope.Data)
		}
		left -= delivery.Len()
		delivery.Release()
	}
	// Output:
	// numbers: 1
	// numbers: 2
	// numbers: 3
}

// Tick travels as Python's messages do: as ["Tick", time, pair, price].
type Tick struct {
	core.Message
	Pair  string
	Price float64
}

func ExampleMessage() {
	receiver := startedReceiver()
	defer receiver.Close()
	publisher := publishedTo(receiver)
	defer publisher.Close()
	tick := &Tick{core.Message{TS: 1517670000.5}, "BTCUSD", 6543.21}
	if err := publisher.PublishValue("ticks/BTCUSD", core.Stamp(tick)); err != nil {
		panic(err)
	}

	envelope, err := receiver.Recv(30 * time.Second)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", envelope.Data)
	var got Tick
	if err := envelope.Decode(&got); err != nil {
		panic(err)
	}
	fmt.Println(got.DType, got.Pair, got.Price)
	// Output:
	// ["Tick",1517670000.5,"BTCUSD",6543.21]
	// Tick BTCUSD 6543.21
}
