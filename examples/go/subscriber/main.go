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

	for left := count; left != 0; {
		// At most a hundred at a time; a negative wait has no end.
		delivery, err := receiver.Take(100, -1)
		if err != nil {
			return err
		}
		for i := 0; i < delivery.Len() && left != 0; i++ {
			e := delivery.At(i) // a view, valid until the Release
			fmt.Printf("%s from %s: %s\n", e.Topic, e.Origin, e.Data)
			left--
		}
		delivery.Release()
	}
	return nil
}
