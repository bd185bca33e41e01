package observe

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hermes-zmq/hermes/core"
)

// maxOrigins is how many origins of a topic, or topics of an origin, are named.
const maxOrigins = 8

// Row is what was seen of one topic, or of one origin, in a sample. Times are in seconds.
type Row struct {
	Name   string
	Others []string // of a topic its origins, of an origin its topics: the first eight
	More   bool     // there are further ones

	Count  uint64 // envelopes; those of a cache are not among them
	Bytes  uint64 // of topic, origin and data, without framing
	Lost   uint64
	Cached uint64 // from a cache, because of the subscription
	Total  uint64 // Count since the observer began
	Size   Summary
	Gap    Summary // between two arrivals
	Delay  Summary // from ts to arrival; by two clocks, if they are those of two machines
	Jitter float64 // of the delay, as RTP has it (RFC 3550, A.8)
	Last   float64 // time of the last arrival; 0: none that was not cached

	histogram *hdrhistogram.Histogram // of the table's quantity, in µs; nil: too few or too many
	lastDelay float64
}

// Summary is a number of values.
type Summary struct {
	N             uint64
	Min, Max, Sum float64
	squares       float64
}

func (s *Summary) add(x float64) {
	if s.N == 0 || x < s.Min {
		s.Min = x
	}
	if s.N == 0 || x > s.Max {
		s.Max = x
	}
	s.N++
	s.Sum += x
	s.squares += x * x
}

// Mean is 0 if there are no values.
func (s *Summary) Mean() float64 {
	if s.N == 0 {
		return 0
	}
	return s.Sum / float64(s.N)
}

// Deviation is the standard deviation.
func (s *Summary) Deviation() float64 {
	if s.N < 2 {
		return 0
	}
	mean := s.Mean()
	return math.Sqrt(max(s.squares/float64(s.N)-mean*mean, 0))
}

// Quantile gives a quantile of the quantity that the observer makes histograms of, in seconds;
// false if the row has no histogram. It is exact to one percent.
func (r *Row) Quantile(q float64) (float64, bool) {
	if r.histogram == nil || r.histogram.TotalCount() == 0 {
		return 0, false
	}
	return float64(r.histogram.ValueAtQuantile(q)) / 1e6, true
}

// table has a row for each name, up to a limit.
type table struct {
	by         Key
	quantity   Quantity
	limit      int
	rows       map[string]*Row
	other      Row
	histograms int
}

func newTable(by Key, quantity Quantity, limit int) *table {
	return &table{by: by, quantity: quantity, limit: limit, rows: make(map[string]*Row)}
}

// row finds or makes the row of a name.
func (t *table) row(name []byte) *Row {
	if r := t.rows[string(name)]; r != nil {
		return r
	}
	if len(t.rows) >= t.limit {
		return &t.other
	}
	r := &Row{Name: string(name)}
	t.rows[r.Name] = r
	return r
}

func (t *table) add(v *core.View, cached bool) {
	name, other := v.Topic, v.Origin
	if t.by == ByOrigin {
		name, other = other, name
	}
	r := t.row(name)
	if r != &t.other {
		r.meet(other)
	}
	if cached {
		r.Cached++
		return
	}
	size := len(v.Topic) + len(v.Origin) + len(v.Data)
	r.Count++
	r.Total++
	r.Bytes += uint64(size)
	r.Lost += uint64(v.Lost)
	r.Size.add(float64(size))
	if r == &t.other {
		return
	}
	if r.Last != 0 {
		gap := max(v.Received-r.Last, 0)
		r.Gap.add(gap)
		if t.quantity == Interval {
			t.record(r, gap)
		}
	}
	r.Last = v.Received
	delay := v.Received - v.TS
	if r.Delay.N > 0 {
		r.Jitter += (math.Abs(delay-r.lastDelay) - r.Jitter) / 16
	}
	r.lastDelay = delay
	r.Delay.add(delay)
	if t.quantity == Delay {
		t.record(r, delay)
	}
}

const maxMicroseconds = 3_600_000_000 // one hour

// record adds to the histogram of a row, which it makes if there may be one more.
func (t *table) record(r *Row, x float64) {
	if r.histogram == nil {
		if t.histograms >= MaxHistograms {
			return
		}
		t.histograms++
		r.histogram = hdrhistogram.New(1, maxMicroseconds, 2)
	}
	µs := min(max(int64(math.Round(x*1e6)), 0), maxMicroseconds)
	_ = r.histogram.RecordValue(µs) // within its limits
}

// meet notes an origin of a topic, or a topic of an origin.
func (r *Row) meet(name []byte) {
	for _, known := range r.Others {
		if known == string(name) {
			return
		}
	}
	if len(r.Others) < maxOrigins {
		r.Others = append(r.Others, string(name))
	} else {
		r.More = true
	}
}

// forgetAfter is how long a row of which nothing comes is kept in a full table, in seconds.
const forgetAfter = 60

// take gives all rows, and begins them anew. A row of which nothing came has Count 0.
func (t *table) take(now float64) (rows []Row, other Row) {
	full := len(t.rows) >= t.limit
	rows = make([]Row, 0, len(t.rows))
	for name, r := range t.rows {
		rows = append(rows, *r)
		rows[len(rows)-1].Others = slices.Clone(r.Others)
		if h := r.histogram; h != nil {
			r.histogram = nil // the copy has it now
			t.histograms--
		}
		if full && r.Count == 0 && now-r.Last > forgetAfter {
			delete(t.rows, name)
			continue
		}
		*r = Row{Name: r.Name, Others: r.Others, More: r.More, Total: r.Total, Last: r.Last, lastDelay: r.lastDelay}
	}
	other = t.other
	t.other = Row{Total: t.other.Total}
	return rows, other
}
