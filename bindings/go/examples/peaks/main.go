// Command peaks joins the demo, and prints the maximum of each of its readings:
//
//	peaks [ADDRESS]
//
// make demo AT="tcp://127.0.0.1:6000 tcp://127.0.0.1:6001" runs the demo;
// this program needs the second address. It ends with the demo, or on Ctrl-C.
package main

import (
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// Derived is the message of that name in examples/demo/messages.py.
type Derived struct {
	core.Message
	Name    string
	Value   float64
	Average float64
	Unit    string
	Full    float64
}

func main() {
	address := "tcp://127.0.0.1:6001"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	receiver, err := core.NewReceiver(address, "peaks")
	if err != nil {
		return err
	}
	defer receiver.Close()
	if err := receiver.Subscribe("live/"); err != nil {
		return err
	}
	if err := receiver.Set("timeout", "10s"); err != nil { // a busy machine is no reason to give up
		return err
	}
	if err := receiver.Start(); err != nil {
		return err
	}
	if err := receiver.WaitReady(time.Minute); err != nil {
		return err
	}
	fmt.Println("watching")

	peaks := map[string]Derived{}
	var count, missing int
	for e := range receiver.All() {
		count++
		missing += int(e.Lost)
		if strings.HasPrefix(e.Topic, "live/end/") {
			break
		}
		var reading Derived
		if err := e.Decode(&reading); err != nil {
			return err
		}
		if peak, known := peaks[reading.Name]; !known || reading.Value > peak.Value {
			peaks[reading.Name] = reading
		}
	}
	for _, name := range slices.Sorted(maps.Keys(peaks)) {
		fmt.Printf("%-12s %14.1f %s\n", name, peaks[name].Value, peaks[name].Unit)
	}
	fmt.Printf("%d envelopes, %d missing\n", count, missing)
	return nil
}
