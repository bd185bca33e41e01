// Package metrics gives the counters of a post office, and of the backbone that it has joined, to
// Prometheus. docs/monitoring.md lists all metrics, and a test compares.
//
// A scrape takes the statistics once, so what a scrape shows adds up as the statistics do. Names
// follow the conventions of Prometheus: hermes_postoffice_ or hermes_backbone_ in front, base
// units, and _total behind what only grows. A metric of the table has a constant set of labels, so
// that its series are there from the first scrape on.
//
// Series for single peers are a choice (Config.Peers), and bounded: each connection has a number of its
// own, and a new series would come with every reconnection.
//
// What was dropped for single receivers has no counter that outlives their connections. A Collector adds
// up what each scrape finds, so that what was dropped for a receiver between the last scrape and its end
// is missing there.
//
// Collector.mu guards what has been added up; nothing is called with it held.
package metrics

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// Config is what a Collector reads.
type Config struct {
	Office   func() core.PostOfficeStats
	Backbone func() *backbone.Stats // nil, or gives nil: the post office has joined no other
	Peers    bool                   // whether there are series for single peers
}

// MaxPeers bounds the subscribers with series of their own: the oldest. All others share the series
// whose peer is "other".
const MaxPeers = 100

// Collector collects the metrics of one post office.
type Collector struct {
	cfg   Config
	descs map[string]*prometheus.Desc

	mu      sync.Mutex
	dropped map[uint64]uint64 // of each receiver that is connected, at the last scrape
	total   uint64
}

// New makes the collector of a post office.
func New(cfg Config) *Collector {
	c := &Collector{cfg: cfg, descs: map[string]*prometheus.Desc{}}
	for _, m := range c.table() {
		c.descs[m.name] = prometheus.NewDesc(m.name, m.help, m.labelNames(), nil)
	}
	return c
}

// Register makes a registry with the metrics of a post office, of the Go runtime and of the process.
func Register(cfg Config) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(New(cfg), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It takes the statistics once.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	now := snapshot{office: c.cfg.Office()}
	now.receiverDropped = c.sumUp(now.office.Subscribers)
	if c.cfg.Backbone != nil {
		now.backbone = c.cfg.Backbone()
	}
	for _, m := range c.table() {
		if m.backbone != nil && now.backbone == nil {
			continue
		}
		for _, s := range m.series(&now) {
			ch <- prometheus.MustNewConstMetric(c.descs[m.name], m.kind, s.value, s.labels...)
		}
	}
}

// sumUp is what has been dropped for single receivers until now.
func (c *Collector) sumUp(receivers []core.Peer) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := make(map[uint64]uint64, len(receivers))
	for _, p := range receivers {
		now[p.ID] = max(p.Dropped, c.dropped[p.ID]) // of two scrapes at once the older may come last
		c.total += now[p.ID] - c.dropped[p.ID]
	}
	c.dropped = now
	return c.total
}

// table is the metrics of this collector.
func (c *Collector) table() []metric {
	all := slices.Concat(postOffice, ofBackbone)
	if c.cfg.Peers {
		all = append(all, ofPeers...)
	}
	return all
}

// snapshot is the statistics of one scrape.
type snapshot struct {
	office          core.PostOfficeStats
	backbone        *backbone.Stats
	receiverDropped uint64
}

// series is one line of a metric.
type series struct {
	labels []string // values
	value  float64
}

// metric is one metric, with exactly one of the functions.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	label      string   // its name, of office and backbone; "": it has none
	labels     []string // names, of peers
	office     func(*core.PostOfficeStats) []labelled
	whole      func(*snapshot) float64
	backbone   func(*backbone.Stats) []labelled
	peers      func(core.Peer) float64
	constant   []string // values of labels, for a metric that is always 1
}

// labelled is a value with that of its label.
type labelled struct {
	label string
	value float64
}

func (m *metric) labelNames() []string {
	if m.label != "" {
		return []string{m.label}
	}
	return m.labels
}

func (m *metric) series(now *snapshot) []series {
	switch {
	case m.constant != nil:
		return []series{{m.constant, 1}}
	case m.whole != nil:
		return []series{{nil, m.whole(now)}}
	case m.peers != nil:
		return m.ofPeers(now.office.Subscribers)
	case m.office != nil:
		return m.plain(m.office(&now.office))
	}
	return m.plain(m.backbone(now.backbone))
}

func (m *metric) plain(values []labelled) (all []series) {
	for _, v := range values {
		s := series{value: v.value}
		if m.label != "" {
			s.labels = []string{v.label}
		}
		all = append(all, s)
	}
	return all
}

// ofPeers is a line for each of the oldest peers, and one for all others together, if there are any.
func (m *metric) ofPeers(peers []core.Peer) (all []series) {
	peers = slices.SortedFunc(slices.Values(peers), func(a, b core.Peer) int { return cmp.Compare(a.ID, b.ID) })
	var rest series
	for i, p := range peers {
		if i < MaxPeers {
			all = append(all, series{[]string{strconv.FormatUint(p.ID, 10), p.Address, p.User}, m.peers(p)})
			continue
		}
		rest.labels = []string{"other", "", ""}
		rest.value += m.peers(p)
	}
	if rest.labels != nil {
		all = append(all, rest)
	}
	return all
}

// buildInfo is the values of the labels of hermes_build_info.
func buildInfo() []string { return []string{core.Version, runtime.Version()} }
