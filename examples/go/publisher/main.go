// Command publisher publishes ten ticks: publisher [ADDRESS]
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

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
		data := fmt.Sprintf(`{"price": %d, "volume": %.1f}`, 42000+i, float64(i)/2)
		// No origin given: it is the publisher's name.
		if err := publisher.Publish("ticks/BTCUSD", "", []byte(data)); err != nil {
			return err
		}
	}

	// Publishing does not wait for the network. Stopping does: it sends what is left.
	return publisher.Stop(5 * time.Second)
}
