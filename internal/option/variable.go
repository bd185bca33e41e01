package option

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Duration is a span of time: "250ms", "1s", or a number of milliseconds.
type Duration struct{ v atomic.Int64 }

// Duration adds a Duration with its default.
func (o *Set) Duration(key string, d time.Duration, live bool, usage string) *Duration {
	x := &Duration{}
	x.v.Store(int64(d))
	return add(o, key, live, usage, x)
}

// Get is the present value.
func (x *Duration) Get() time.Duration { return time.Duration(x.v.Load()) }
func (x *Duration) String() string     { return x.Get().String() }

// Set implements Variable.
func (x *Duration) Set(text string) error {
	d, err := parseDuration(text)
	if err != nil {
		return err
	}
	x.v.Store(int64(d))
	return nil
}

var errDuration = errors.New(`a duration is written as "250ms", "1s", "1m30s", or a number of milliseconds, and is not negative`)

func parseDuration(text string) (time.Duration, error) {
	if ms, err := strconv.ParseFloat(text, 64); err == nil {
		if ms >= 0 && ms <= float64(maxDuration/time.Millisecond) {
			return time.Duration(ms * float64(time.Millisecond)), nil
		}
		return 0, errDuration
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDuration {
		return 0, errDuration
	}
	return d, nil
}

// Bounds of options that count things, and of those that count bytes.
const (
	MaxCount   = 1 << 40
	MaxBytes   = 1 << 50
	MaxMessage = 2 << 30 // offsets in a batch fit 32 bits
	MaxLimit   = 1 << 30 // of what one peer may cost
)

// maxDuration keeps sums with the time of day from overflowing.
const maxDuration = 100 * 365 * 24 * time.Hour

// Size is a number of bytes or of things, from least up to most.
type Size struct {
	v           atomic.Int64
	least, most int64
}

// Size adds a Size with its default; it is at least 1 and at most most.
func (o *Set) Size(key string, n, most int64, live bool, usage string) *Size {
	x := &Size{least: 1, most: most}
	x.v.Store(n)
	return add(o, key, live, usage, x)
}

// SizeOrNone adds a Size that may be 0, which is its default.
func (o *Set) SizeOrNone(key string, most int64, live bool, usage string) *Size {
	return add(o, key, live, usage, &Size{most: most})
}

// Get is the present value.
func (x *Size) Get() int64     { return x.v.Load() }
func (x *Size) String() string { return strconv.FormatInt(x.Get(), 10) }

// Set implements Variable.
func (x *Size) Set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n < x.least || n > x.most {
		return fmt.Errorf("it must be between %d and %d", x.least, x.most)
	}
	x.v.Store(n)
	return nil
}

func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for suffix, u := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = strings.TrimSpace(rest), u
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, errors.New("a size is a whole number, optionally followed by KiB, MiB or GiB")
	}
	return n * unit, nil
}

// Prefixes is topic prefixes, separated by commas. None stands for every topic.
type Prefixes struct {
	mu       sync.Mutex
	text     string
	prefixes [][]byte // as they begin on the wire
}

// Prefixes adds Prefixes, of which there are none by default.
func (o *Set) Prefixes(key string, live bool, usage string) *Prefixes {
	return add(o, key, live, usage, &Prefixes{})
}

func (x *Prefixes) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is the present prefixes, as they begin on the wire; one that is empty stands for
// every topic.
func (x *Prefixes) Get() [][]byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.prefixes) == 0 {
		return [][]byte{{}}
	}
	return x.prefixes
}

// Set implements Variable.
func (x *Prefixes) Set(text string) error {
	var prefixes [][]byte
	for _, topic := range strings.Split(text, ",") {
		if topic = strings.TrimSpace(topic); topic == "" {
			continue
		}
		p, err := wire.Prefixes(topic)
		if err != nil {
			return errs.Text("the topic", err)
		}
		prefixes = append(prefixes, p...)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.prefixes = text, prefixes
	return nil
}

// Choice is one of a few words.
type Choice struct {
	v     atomic.Int32
	words []string
}

// Choice adds a Choice of these words; the first is the default.
func (o *Set) Choice(key string, live bool, usage string, words ...string) *Choice {
	return add(o, key, live, usage, &Choice{words: words})
}

// Is reports whether word is the present value.
func (x *Choice) Is(word string) bool { return x.String() == word }
func (x *Choice) String() string      { return x.words[x.v.Load()] }

// Set implements Variable.
func (x *Choice) Set(text string) error {
	i := slices.Index(x.words, text)
	if i < 0 {
		return errors.New("it must be one of " + strings.Join(x.words, ", "))
	}
	x.v.Store(int32(i))
	return nil
}

// Policy is what a full queue does.
type Policy struct{ v atomic.Uint32 }

// Policy adds a Policy with its default.
func (o *Set) Policy(key string, p queue.Policy, live bool, usage string) *Policy {
	x := &Policy{}
	x.v.Store(uint32(p))
	return add(o, key, live, usage, x)
}

// Get is the present value.
func (x *Policy) Get() queue.Policy { return queue.Policy(x.v.Load()) }
func (x *Policy) String() string    { return x.Get().String() }

// Set implements Variable.
func (x *Policy) Set(text string) error {
	p, err := queue.ParsePolicy(text)
	if err != nil {
		return errors.New("it must be one of " + strings.Join(queue.Policies(), ", "))
	}
	x.v.Store(uint32(p))
	return nil
}
