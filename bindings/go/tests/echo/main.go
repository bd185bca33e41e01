// Command echo publishes again what it receives: echo IN OUT NAME FROM TO. The topic
// FROMrest becomes TOrest; the rest "end" is the last.
package main

import (
	"errors"
	"log"
	"os"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return errors.New("usage: echo IN OUT NAME FROM TO")
	}
	name, from, to := args[2], args[3], args[4]
	receiver, err := core.NewReceiver(args[1], name)
	if err != nil {
		return err
	}
	defer receiver.Close()
	publisher, err := core.NewPublisher(args[0], name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := errors.Join(receiver.Subscribe(from), receiver.Set("on_slow", "ignore")); err != nil {
		return err
	}
	if err := errors.Join(receiver.Start(), publisher.Start()); err != nil {
		return err
	}
	for e := range receiver.All() {
		rest := strings.TrimPrefix(e.Topic, from)
		if err := publisher.Publish(to+rest, "", e.Data); err != nil {
			return err
		}
		if rest == "end" {
			break
		}
	}
	return publisher.Stop(time.Minute)
}
