package core_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

const enough = 30 * time.Second

// must is for examples, where nothing can be done about an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A publisher, a post office and a receiver: the usual three, here in one program.
func Example() {
	office := must(core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", ""))
	defer office.Close()
	check(office.Start())

	receiver := must(core.NewReceiver(must(office.Get("endpoint.out")), "screen"))
	defer receiver.Close()
	check(receiver.Set("timeout", "1m"))
	check(receiver.Subscribe("weather/"))
	check(receiver.Start())

	publisher := must(core.NewPublisher(must(office.Get("endpoint.in")), "station"))
	defer publisher.Close()
	check(publisher.Set("ready.hold", "30s")) // until the subscription has arrived
	check(publisher.Start())
	check(publisher.Publish("weather/oslo", "", []byte(`{"celsius": -3.5}`)))

	envelope := must(receiver.Recv(enough))
	fmt.Printf("%s from %s: %s\n", envelope.Topic, envelope.Origin, envelope.Data)
	// Output:
	// weather/oslo from station: {"celsius": -3.5}
}

// A publisher queues what it is given, and sends it once there is a subscription.
func ExamplePublisher() {
	receiver := startedReceiver()
	defer receiver.Close()
	publisher := must(core.NewPublisher(must(receiver.Get("endpoint")), "counter"))
	defer publisher.Close()
	check(publisher.Set("queue.full", "latest_per_topic"))
	check(publisher.Set("ready.hold", "30s")) // until there is a subscription
	check(publisher.Start())
	check(publisher.Publish("numbers", "", []byte("1")))
	check(publisher.PublishValue("numbers", map[string]int{"two": 2}))
	count := must(publisher.PublishBatch([]byte(`[["numbers", null, 3], ["numbers", "another", 4]]`)))
	fmt.Println("in a batch:", count)

	for range 4 {
		envelope := must(receiver.Recv(enough))
		fmt.Printf("%s: %s\n", envelope.Origin, envelope.Data)
	}
	check(publisher.Stop(enough)) // what is queued is sent first
	fmt.Println("sent:", publisher.Stats().Sent)
	// Output:
	// in a batch: 2
	// counter: 1
	// counter: {"two":2}
	// counter: 3
	// another: 4
	// sent: 4
}

// A post office that keeps the newest envelope of each topic for receivers that come late.
func ExamplePostOffice() {
	office := must(core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", ""))
	defer office.Close()
	check(office.Set("cache.depth", "1"))
	check(office.Start())
	publisher := must(core.NewPublisher(must(office.Get("endpoint.in")), "station"))
	defer publisher.Close()
	check(publisher.Start())
	check(publisher.WaitReady(enough)) // the post office has subscribed, for its cache
	check(publisher.Publish("weather/oslo", "", []byte("-3")))
	check(publisher.Publish("weather/oslo", "", []byte("-4")))
	check(publisher.Stop(enough))
	for office.Stats().InMessages < 2 {
		time.Sleep(time.Millisecond)
	}

	late := must(core.NewReceiver(must(office.Get("endpoint.out")), "screen"))
	defer late.Close()
	check(late.Start())
	fmt.Printf("%s\n", must(late.Recv(enough)).Data)
	// Output:
	// -4
}

// A node receives, works, and publishes under its own name.
func ExampleNode() {
	in := must(core.NewReceiver("@tcp://127.0.0.1:*", "in"))
	defer in.Close()
	check(in.Set("timeout", "1m"))
	results := startedReceiver()
	defer results.Close()
	out := must(core.NewPublisher(must(results.Get("endpoint")), "out"))
	defer out.Close()
	check(out.Set("ready.hold", "30s"))
	node := must(core.NewNode("doubler", in, out))
	defer node.Close()
	check(node.Start())
	defer publishedTo(in, `21`).Close()

	delivery := must(node.Take(1, enough))
	envelope := delivery.Envelope(0)
	var n int
	check(envelope.Decode(&n))
	delivery.Release()
	check(node.Publish("results", fmt.Append(nil, 2*n)))

	envelope = must(results.Recv(enough))
	fmt.Printf("%s: %s\n", envelope.Topic, envelope.Data)
	// Output:
	// results/doubler: 42
}

// Every failing function returns an *Error with a code.
func ExampleError() {
	receiver := startedReceiver()
	defer receiver.Close()
	_, err := receiver.Recv(0) // looks, and does not wait
	fmt.Println(core.CodeOf(err) == core.ETIMEOUT, errors.Is(err, &core.Error{Code: core.ETIMEOUT}))
	_, err = core.NewReceiver("tcp://127.0.0.1", "screen")
	fmt.Println(core.CodeOf(err) == core.EADDRESS)
	fmt.Println(err)
	// Output:
	// true true
	// true
	// bad address "tcp://127.0.0.1": the port is missing, as in tcp://127.0.0.1:6000
}

// All four kinds are started, stopped, set and asked in the same way.
func ExampleComponent() {
	publisher := must(core.NewPublisher("tcp://127.0.0.1:1", "p"))
	office := must(core.NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", ""))
	for _, component := range []core.Component{publisher, office} {
		check(component.Set("heartbeat.interval", "1s"))
		check(component.Start())
		fmt.Println(must(component.Get("state")), must(component.Get("heartbeat.interval")))
		check(component.Stop(0))
		check(component.Close())
		fmt.Println(must(component.Get("state")))
	}
	// Output:
	// running 1s
	// closed
	// running 1s
	// closed
}

// Options lists what a component can be told.
func ExampleOption() {
	publisher := must(core.NewPublisher("tcp://127.0.0.1:1", "p"))
	defer publisher.Close()
	for _, o := range publisher.Options() {
		if o.Key == "queue.block" {
			fmt.Printf("%s, by default %s, at any time: %t\n", o.Key, o.Default, o.Live)
		}
	}
	// Output:
	// queue.block, by default 1s, at any time: true
}

// NextEvent tells what happens to a component, the oldest first.
func ExampleEvent() {
	receiver := startedReceiver()
	check(receiver.Close())
	for range 2 {
		event := must(receiver.NextEvent(enough))
		fmt.Printf("%s: %s\n", event.Level, event.Kind)
	}
	// Output:
	// info: started
	// info: stopped
}

// Stamp fills in the name of a type and the present time.
func ExampleStamp() {
	tick := core.Stamp(&Tick{Pair: "BTCUSD", Price: 6543.21})
	fmt.Println(tick.DType, tick.TS > 1.7e9)
	// Output:
	// Tick true
}
