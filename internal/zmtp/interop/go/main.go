// Command peer puts a socket of go-zeromq at the disposal of the test; ../doc.go
// says how it is used. It is a module of its own so that nothing but this program
// depends on that library.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

const library = "github.com/go-zeromq/zmq4"

var open = map[string]func(context.Context, ...zmq4.Option) zmq4.Socket{
	"pub": zmq4.NewPub, "sub": zmq4.NewSub, "xpub": zmq4.NewXPub, "xsub": zmq4.NewXSub,
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

var (
	outMu sync.Mutex
	out   = json.NewEncoder(os.Stdout)
)

func say(what map[string]any) {
	outMu.Lock()
	defer outMu.Unlock()
	must(out.Encode(what))
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == library {
			return "go-zeromq " + strings.TrimPrefix(dep.Version, "v")
		}
	}
	return "go-zeromq"
}

func main() {
	role, mode, addresses := os.Args[1], os.Args[2], os.Args[3:]
	socket := open[role](context.Background(), zmq4.WithAutomaticReconnect(true),
		zmq4.WithDialerRetry(50*time.Millisecond), zmq4.WithDialerMaxRetries(-1))
	var ready []string
	for _, address := range addresses {
		if mode == "bind" {
			must(socket.Listen(address))
			address = socket.Addr().Network() + "://" + socket.Addr().String()
		} else {
			must(socket.Dial(address))
		}
		ready = append(ready, address)
	}
	say(map[string]any{"ready": ready, "version": version()})
	switch role {
	case "sub", "xsub":
		go printMessages(socket)
	case "xpub":
		go printTopics(socket.(zmq4.Topics))
	}
	obeyAll(role, socket)
}

func printMessages(socket zmq4.Socket) {
	for {
		msg, err := socket.Recv()
		if err != nil { // a connection ended; the socket stays
			continue
		}
		frames := make([]string, len(msg.Frames))
		for i, frame := range msg.Frames {
			frames[i] = hex.EncodeToString(frame)
		}
		say(map[string]any{"message": frames})
	}
}

// printTopics prints what an XPUB is asked for. This library does not hand that out
// as messages, but lists it.
func printTopics(socket zmq4.Topics) {
	known := map[string]bool{}
	change := func(on byte, topic string) {
		say(map[string]any{"message": []string{hex.EncodeToString(append([]byte{on}, topic...))}})
	}
	for ; ; time.Sleep(2 * time.Millisecond) {
		now := map[string]bool{}
		for _, topic := range socket.Topics() {
			if now[topic] = true; !known[topic] {
				change(1, topic)
			}
		}
		for topic := range known {
			if !now[topic] {
				change(0, topic)
			}
		}
		known = now
	}
}

func obeyAll(role string, socket zmq4.Socket) {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return
		}
		must(err)
		obey(role, socket, strings.Fields(line))
	}
}

func obey(role string, socket zmq4.Socket, words []string) {
	var frames [][]byte
	for _, word := range words[1:] {
		frame, err := hex.DecodeString(word[1:])
		must(err)
		frames = append(frames, frame)
	}
	switch {
	case words[0] == "send":
		must(socket.SendMulti(zmq4.NewMsgFrom(frames...)))
	case role == "sub":
		option := map[string]string{"subscribe": zmq4.OptionSubscribe, "unsubscribe": zmq4.OptionUnsubscribe}
		must(socket.SetOption(option[words[0]], string(frames[0])))
	default:
		on := byte(0)
		if words[0] == "subscribe" {
			on = 1
		}
		must(socket.Send(zmq4.NewMsg(append([]byte{on}, frames[0]...))))
	}
}
