package race

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// Check looks at what one subscriber gets.
type Check struct {
	want   *Tick
	topics []string
	count  int
	delays []int64
	ready  bool
	result result
	before uint64 // objects that had been allocated when the first tick came
}

// result is the report to the referee.
type result struct {
	Count       int    `json:"count"`
	Wrong       int    `json:"wrong"`
	First       int64  `json:"first"`
	Last        int64  `json:"last"`
	P50         int64  `json:"p50,omitempty"`
	P99         int64  `json:"p99,omitempty"`
	P999        int64  `json:"p999,omitempty"`
	Max         int64  `json:"max,omitempty"`
	Complaint   string `json:"complaint"`
	Allocations uint64 `json:"allocations"` // of this program, since the first tick
}

// NewCheck expects count=N ticks.
func NewCheck() *Check {
	return &Check{want: NewTick(), topics: Topics(), count: Number("count", 100_000)}
}

// Take looks at one envelope; true when all are there.
func (c *Check) Take(topic, data []byte) bool {
	if len(data) > 2 && data[2] == 'P' {
		c.probed()
		return false
	}
	number := c.begin()
	c.want.Make(uint64(number))
	if c.want.timed && len(data) == len(c.want.Data) {
		c.noteDelay(data)
	}
	if string(topic) != c.topics[number%len(c.topics)] || string(data) != string(c.want.Data) {
		c.wrong(fmt.Sprintf("%s %s instead of %s", topic, data, c.want.Data))
	}
	return c.end()
}

// TakeValues is Take for one that was decoded.
func (c *Check) TakeValues(topic []byte, v Values) bool {
	if v.DType == "Probe" {
		c.probed()
		return false
	}
	number := c.begin()
	if want := ValuesOf(uint64(number)); string(topic) != c.topics[number%len(c.topics)] || v != want {
		c.wrong(fmt.Sprintf("%s %v instead of %v", topic, v, want))
	}
	return c.end()
}

// begin counts an envelope, and gives its number.
func (c *Check) begin() int {
	if c.result.Count == 0 {
		c.result.First, c.before = Monotonic(), Allocated()
	}
	c.result.Count++
	return c.result.Count - 1
}

func (c *Check) wrong(complaint string) {
	c.result.Wrong++
	c.result.Complaint = cmp.Or(c.result.Complaint, complaint)
}

// end is true when all are there.
func (c *Check) end() bool {
	if c.result.Count < c.count {
		return false
	}
	c.result.Last = Monotonic()
	return true
}

func (c *Check) probed() {
	if !c.ready {
		c.ready = true
		fmt.Println("ready")
	}
}

func (c *Check) noteDelay(data []byte) {
	var sent int64
	for _, b := range data[8:28] {
		if b != '.' {
			sent = sent*10 + int64(b-'0')
		}
	}
	c.delays = append(c.delays, time.Now().UnixNano()-sent)
	copy(c.want.Data[8:28], data[8:28])
}

// Print reports the result to the referee.
func (c *Check) Print() {
	r := &c.result
	if r.Last == 0 {
		r.Last = Monotonic()
	}
	r.Allocations = Allocated() - c.before
	if n := len(c.delays); n > 0 {
		slices.Sort(c.delays)
		r.P50, r.P99, r.P999, r.Max = c.delays[n/2], c.delays[n*99/100], c.delays[n*999/1000], c.delays[n-1]
	}
	Must(json.NewEncoder(os.Stdout).Encode(r))
}

// Allocated is how many objects this program has ever allocated.
func Allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
