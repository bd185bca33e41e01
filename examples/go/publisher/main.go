// Command publisher publishes ten ticks: publisher [ADDRESS]
package main

import (
	"log"
	"os"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// Tick is a trade. It travels as ["Tick", ts, price, volume], and a Python program that
// knows a Message called Tick gets an instance of it.
type Tick struct {
	core.Message
	Price  int
	Volume float64
}

func main() {
	address := "tcp://127.0.0.1:6000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	publisher, err := core.NewPublisher(address, "exchange")
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := publisher.Start(); err != nil {
		return err
	}

	for i := range 10 {
		tick := core.Stamp(&Tick{Price: 42000 + i, Volume: float64(i) / 2})
		if err := publisher.PublishValue("ticks/BTCUSD", tick); err != nil {
			return err
		}
	}

	// Publishing does not wait for the network. Stopping does: it sends what is left.
	return publisher.Stop(5 * time.Second)
}
