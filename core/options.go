package core

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
)

// Option describes one setting of a Component, as docs/configuration.md lists it.
type Option struct {
	Key     string
	Default string
	Live    bool // may be set at any time, not only before the start
	Usage   string
}

// option is an Option with the variable behind it.
type option struct {
	Option
	variable variable
}

// variable holds the value of an option. It may be read and set at the same time.
type variable interface {
	set(text string) error
	String() string
}

// options is what one component can be told.
type options []option

func (o *options) add(key, usage string, live bool, v variable) {
	*o = append(*o, option{Option{Key: key, Default: v.String(), Live: live, Usage: usage}, v})
}

func (o options) find(key string) (option, bool) {
	i := slices.IndexFunc(o, func(x option) bool { return x.Key == key })
	if i < 0 {
		return option{}, false
	}
	return o[i], true
}

func (o options) keys() string {
	keys := make([]string, len(o))
	for i, x := range o {
		keys[i] = x.Key
	}
	return strings.Join(keys, ", ")
}

// durationVar is a span of time: "250ms", "1s", or a number of milliseconds.
type durationVar struct{ v atomic.Int64 }

func newDuration(d time.Duration) *durationVar {
	x := &durationVar{}
	x.v.Store(int64(d))
	return x
}

func (x *durationVar) get() time.Duration { return time.Duration(x.v.Load()) }
func (x *durationVar) String() string     { return x.get().String() }

func (x *durationVar) set(text string) error {
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
	maxCount   = 1 << 40
	maxBytes   = 1 << 50
	maxMessage = 2 << 30 // offsets in a batch fit 32 bits
	maxLimit   = 1 << 30 // of what one peer may cost
)

// maxDuration keeps sums with the time of day from overflowing.
const maxDuration = 100 * 365 * 24 * time.Hour

// sizeVar is a number of bytes or of things, from least up to most.
type sizeVar struct {
	v           atomic.Int64
	least, most int64
}

func newSize(n, most int64) *sizeVar {
	x := &sizeVar{least: 1, most: most}
	x.v.Store(n)
	return x
}

// newSizeOrNone is one that may be 0, which it is at first.
func newSizeOrNone(most int64) *sizeVar { return &sizeVar{most: most} }

func (x *sizeVar) get() int64     { return x.v.Load() }
func (x *sizeVar) String() string { return strconv.FormatInt(x.get(), 10) }

func (x *sizeVar) set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n < x.least || n > x.most {
		return fmt.Errorf("it lies between %d and %d", x.least, x.most)
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
		return 0, errors.New("a size is a whole number, with KiB, MiB or GiB behind it if you like")
	}
	return n * unit, nil
}

// prefixesVar is topic prefixes, separated by commas. None stands for every topic.
type prefixesVar struct {
	mu       sync.Mutex
	text     string
	prefixes [][]byte // as they begin on the wire
}

func (x *prefixesVar) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

func (x *prefixesVar) get() [][]byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.prefixes) == 0 {
		return [][]byte{{}}
	}
	return x.prefixes
}

func (x *prefixesVar) set(text string) error {
	var prefixes [][]byte
	for _, topic := range strings.Split(text, ",") {
		if topic = strings.TrimSpace(topic); topic == "" {
			continue
		}
		p, err := wirePrefixes(topic)
		if err != nil {
			return err
		}
		prefixes = append(prefixes, p...)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.prefixes = text, prefixes
	return nil
}

// choiceVar is one of a few words.
type choiceVar struct {
	v     atomic.Int32
	words []string
}

func newChoice(words ...string) *choiceVar { return &choiceVar{words: words} }

func (x *choiceVar) is(word string) bool { return x.String() == word }
func (x *choiceVar) String() string      { return x.words[x.v.Load()] }

func (x *choiceVar) set(text string) error {
	i := slices.Index(x.words, text)
	if i < 0 {
		return errors.New("it is one of " + strings.Join(x.words, ", "))
	}
	x.v.Store(int32(i))
	return nil
}
