// Command race-zmq4 is go-zeromq/zmq4, ZeroMQ in Go without libzmq, with encoding/json for
// typed=1. zmq_proxy stands between.
//
//	race-zmq4 publish  in=ADDRESS   [typed=1]
//	race-zmq4 receive  out=ADDRESS  [typed=1]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/hermes-zmq/hermes/bench/internal/race"
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
	socket := zmq4.NewPub(context.Background())
	race.Must(socket.Dial(race.Text("in", "")))
	topics := race.Topics()
	for i, topic := range topics {
		topics[i] = fmt.Sprintf("%q", topic)
	}
	origin := fmt.Appendf(nil, "%q", race.Text("origin", "p000"))
	send := func(topic int, data []byte) {
		now := float64(time.Now().UnixMicro()) / 1e6
		// The socket keeps what it is given.
		frames := [][]byte{[]byte(topics[topic]), origin, append([]byte(nil), data...), fmt.Appendf(nil, "%.6f", now)}
		race.Must(socket.SendMulti(zmq4.NewMsgFrom(frames...)))
	}
	if race.Typed() {
		race.PublishValues(func(topic int, v race.Values) {
			data, err := json.Marshal([]any{v.DType, v.TS, v.Symbol, v.Price, v.Number})
			race.Must(err)
			send(topic, data)
		})
	} else {
		race.Publish(send, func() {})
	}
	race.WaitForEnd()
	race.Must(socket.Close())
}

// tick reads the array of a tick.
type tick struct{ race.Values }

func (t *tick) UnmarshalJSON(data []byte) error {
	v := &t.Values
	return json.Unmarshal(data, &[]any{&v.DType, &v.TS, &v.Symbol, &v.Price, &v.Number})
}

func receive() {
	socket := zmq4.NewSub(context.Background())
	race.Must(socket.SetOption(zmq4.OptionSubscribe, ""))
	race.Must(socket.Dial(race.Text("out", "")))
	check := race.NewCheck()
	for taking := true; taking; {
		message, err := socket.Recv()
		race.Must(err)
		topic, data := message.Frames[0], message.Frames[2]
		topic = topic[1 : len(topic)-1] // without the quotation marks
		if !race.Typed() {
			taking = !check.Take(topic, data)
			continue
		}
		var t tick
		race.Must(json.Unmarshal(data, &t))
		taking = !check.TakeValues(topic, t.Values)
	}
	check.Print()
	race.WaitForEnd()
	race.Must(socket.Close())
}
