// Command race-nats is NATS with nats.go. The subject is the topic with dots; the
// payload is one JSON text of the same bytes that hermes sends as frames: [origin,
// data, ts].
//
//	race-nats publish  in=HOST:PORT
//	race-nats receive  out=HOST:PORT
//
// RACE_CA in the environment is the file of the CA of TLS.
package main

import (
	"log"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/bench/internal/race"
	"github.com/nats-io/nats.go"
)

func main() {
	switch role := race.Role(); role {
	case "publish":
		publish()
	case "receive":
		receive()
	default:
		log.Fatal("no role ", role)
	}
}

func publish() {
	client := connect(race.Text("in", ""))
	subjects := race.Topics()
	for i, topic := range subjects {
		subjects[i] = strings.ReplaceAll(topic, "/", ".")
	}
	begin := []byte(`["` + race.Text("origin", "p000") + `",`)
	var text []byte
	race.Publish(func(topic int, data []byte) {
		text = append(append(text[:0], begin...), data...)
		text = appendNow(append(text, ','))
		race.Must(client.Publish(subjects[topic], append(text, ']')))
	}, func() { race.Must(client.FlushTimeout(time.Minute)) })
	race.WaitForEnd()
	client.Close()
}

func connect(address string) *nats.Conn {
	var options []nats.Option
	if ca := os.Getenv("RACE_CA"); ca != "" {
		options = append(options, nats.RootCAs(ca))
	}
	client, err := nats.Connect(address, options...)
	race.Must(err)
	return client
}

// appendNow appends the time with six digits behind the point.
func appendNow(text []byte) []byte {
	now := time.Now().UnixMicro()
	text = append(strconv.AppendInt(text, now/1e6, 10), '.')
	fraction := strconv.AppendInt(make([]byte, 0, 8), now%1e6+1e6, 10)
	return append(text, fraction[1:]...)
}

// receive takes without limits on what may be pending: nothing may be lost.
func receive() {
	client := connect(race.Text("out", ""))
	subscription, err := client.SubscribeSync("ticks.>")
	race.Must(err)
	race.Must(subscription.SetPendingLimits(math.MaxInt, math.MaxInt))
	check := race.NewCheck()
	front := len(race.Text("origin", "p000")) + len(`["",`)
	const back = len(",1763800000.000000]")
	var topic []byte
	for {
		message, err := subscription.NextMsg(race.Silence)
		if err != nil {
			break
		}
		topic = append(topic[:0], message.Subject...)
		topic[len("ticks")] = '/'
		if check.Take(topic, message.Data[front:len(message.Data)-back]) {
			break
		}
	}
	check.Print()
	race.WaitForEnd()
	client.Close()
}
