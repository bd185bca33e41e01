// Package race is what the contestants in Go have in common: the arguments, the ticks,
// the checks on what arrives, and the talk with the referee (see bench/README.md). It
// is race.c again.
package race

import (
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Silence is how long a subscriber waits for the next envelope.
const Silence = 20 * time.Second

const (
	beginning = 1_763_800_000
	first     = 1_000_000_000
)

// Role is the first argument.
func Role() string {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatalf("usage: %s ROLE key=value ...", os.Args[0])
	}
	return os.Args[1]
}

// Text is the value of an argument key=value.
func Text(key, otherwise string) string {
	for _, pair := range os.Args[2:] {
		if k, v, _ := strings.Cut(pair, "="); k == key {
			return v
		}
	}
	return otherwise
}

// Number is the value of an argument that is a number.
func Number(key string, otherwise int) int {
	text := Text(key, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	Must(err)
	return n
}

// Must ends the program where something has failed.
func Must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Monotonic is the time that all processes of this machine agree on, in nanoseconds.
func Monotonic() int64 {
	var t syscall.Timespec
	const clockMonotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

// digits writes value with as many digits as there is room.
func digits(at []byte, value uint64) {
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = byte('0' + value%10)
		value /= 10
	}
}

// Tick is the text of ticks: ["Tick",1763800000.000042,"BTCUSD",42010.50,1000000042].
// With timed=1 the second element is the time of sending, in nanoseconds.
type Tick struct {
	Data  []byte
	timed bool
}

// NewTick makes room for one.
func NewTick() *Tick {
	t := &Tick{timed: Number("timed", 0) != 0}
	fraction := "000000"
	if t.timed {
		fraction = "000000000"
	}
	t.Data = fmt.Appendf(nil, `["Tick",%d.%s,"BTCUSD",42000.00,%d]`, beginning, fraction, first)
	return t
}

// Make makes it the tick of that number.
func (t *Tick) Make(number uint64) {
	d := t.Data
	d[2] = 'T'
	rest := d[25:]
	if t.timed {
		rest = d[28:]
		now := uint64(time.Now().UnixNano())
		digits(d[8:18], now/1e9)
		digits(d[19:28], now%1e9)
	} else {
		digits(d[19:25], number%1e6)
	}
	digits(rest[13:15], number%100)
	digits(rest[16:18], number%4*25)
	digits(rest[19:29], first+number)
}

// Probe makes it one that only says that the way is open.
func (t *Tick) Probe() {
	t.Make(0)
	t.Data[2] = 'P'
}

// Values are what a tick says, for programs that send values and not texts: the elements of its
// array.
type Values struct {
	DType  string
	TS     float64
	Symbol string
	Price  float64
	Number uint64
}

// Symbol is that of all ticks.
const Symbol = "BTCUSD"

// ValuesOf are those of the tick of that number.
func ValuesOf(number uint64) Values {
	ts := beginning + float64(number%1e6)/1e6
	return Values{"Tick", ts, Symbol, 42000 + float64(number%100) + float64(number%4)/4, first + number}
}

var typed = sync.OnceValue(func() bool { return Number("typed", 0) != 0 })

// Typed says whether values are sent, and not texts.
func Typed() bool { return typed() }

// PublishValues is Publish for values. A probe has another type.
func PublishValues(send func(topic int, v Values)) {
	topics, number := Number("topics", 10), uint64(0)
	Publish(func(topic int, data []byte) {
		if data[2] == 'P' {
			send(0, Values{DType: "Probe"})
			return
		}
		send(int(number%uint64(topics)), ValuesOf(number))
		number++
	}, func() {})
}

// Topics are the topics of topics=N.
func Topics() []string {
	topics := make([]string, Number("topics", 10))
	for i := range topics {
		topics[i] = fmt.Sprintf("ticks/%06d", i)
	}
	return topics
}

// Publish sends probes until the referee starts it, then all ticks, and prints when it began.
// finish is called before it says so.
func Publish(send func(topic int, data []byte), finish func()) {
	tick, topics := NewTick(), Number("topics", 10)
	for told := toldToGo(); !received(told, 5*time.Millisecond); {
		tick.Probe()
		send(0, tick.Data)
	}
	before := Allocated()
	start, rate := Monotonic(), Number("rate", 0)
	for i := range Number("count", 100_000) {
		pace(start, rate, i)
		tick.Make(uint64(i))
		send(i%topics, tick.Data)
	}
	finish()
	end := Monotonic()
	fmt.Printf("{\"start\": %d, \"end\": %d, \"allocations\": %d}\n", start, end, Allocated()-before)
}

func received(told <-chan struct{}, within time.Duration) bool {
	select {
	case <-told:
		return true
	case <-time.After(within):
		return false
	}
}

// toldToGo gives what is closed at the referee's word to start.
func toldToGo() <-chan struct{} {
	told := make(chan struct{})
	go func() {
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			os.Exit(0) // called off
		}
		close(told)
	}()
	return told
}

// WaitForEnd waits until the referee has closed our stdin.
func WaitForEnd() { io.Copy(io.Discard, os.Stdin) }

// pace waits until it is time for envelope i; a rate of 0 is as fast as it goes.
func pace(start int64, rate, i int) {
	if rate == 0 || rate > 20_000 && i%(rate/1000) != 0 {
		return
	}
	due := start + int64(float64(i)*1e9/float64(rate))
	if left := due - Monotonic(); left > 0 {
		time.Sleep(time.Duration(left))
	}
}
