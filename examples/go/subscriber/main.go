// Command subscriber prints every tick: subscriber [ADDRESS [COUNT]]
//
// It ends after COUNT, or on Ctrl-C.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/hermes-zmq/hermes/core"
)

func main() {
	address, count := "tcp://127.0.0.1:6001", -1
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		var err error
		if count, err = strconv.Atoi(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	}
	if err := run(address, count); err != nil {
		log.Fatal(err)
	}
}

func run(address string, count int) error {
	receiver, err := core.NewReceiver(address, "screen")
	if err != nil {
		return err
	}
	defer receiver.Close()
	if err := receiver.Subscribe("ticks/"); err != nil {
		return err
	}
	if err := receiver.Start(); err != nil {
		return err
	}

	if count == 0 {
		return nil
	}
	for e := range receiver.All() {
		fmt.Printf("%s from %s: %s\n", e.Topic, e.Origin, e.Data)
		if count--; count == 0 {
			break
		}
	}
	return nil
}
