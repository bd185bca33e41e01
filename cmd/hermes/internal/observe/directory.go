package observe

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/core"
)

// Limits of a directory. The memory of a component is that of its two last statistics.
const (
	maxComponents = 4_096
	maxReport     = 4 << 20   // bytes of one report: those of some thousand connections
	maxMemory     = 256 << 20 // bytes of all components, about
	peerMemory    = 512       // bytes of one connection of a component, about: its JSON may be shorter
)

// maxEvents is how many events are kept, the newest.
const maxEvents = 200

// The kinds of components, as they stand in topics.
const (
	PostOffice = "postoffice"
	Publisher  = "publisher"
	Receiver   = "receiver"
)

// Component is what one component says of itself. Of Office, Publisher and Receiver the one of
// its kind is set.
type Component struct {
	Kind, Name string
	TS         float64 // of its last statistics, by its clock
	Received   float64 // when they arrived
	Delay      float64 // the least from ts to arrival of all that came: path and difference of the clocks
	Reports    uint64
	Interval   float64 // between the last two, in seconds; 0: there was one only
	Stats      json.RawMessage
	Now, Past  Figures // of the last two
	memory     [2]int  // of Now and Past, about
	total      int     // of both
}

// Figures are the statistics of a component.
type Figures struct {
	Office    *core.PostOfficeStats
	Publisher *core.PublisherStats
	Receiver  *core.ReceiverStats
}

// Rate is by how much a counter has grown in a second between the last two reports. After a
// restart of the component it is that since the start.
func (c *Component) Rate(now, past uint64) float64 {
	switch {
	case c.Interval <= 0:
		return 0
	case now < past:
		past = 0
	}
	return float64(now-past) / c.Interval
}

// Event is one that a component has published.
type Event struct {
	Of string // kind and name
	core.Event
}

// Directory is what has been heard under $hermes. Its zero value is empty.
type Directory struct {
	components map[string]*Component
	memory     int // of components, about
	events     []Event
	Forgotten  uint64 // components that others have made room for
	Bad        uint64 // reports that are not what they should be
}

// Add books an envelope under $hermes: $hermes/KIND/NAME/stats or .../events.
func (d *Directory) Add(topic string, data []byte, ts, received float64) {
	kind, rest, ok := strings.Cut(strings.TrimPrefix(topic, SelfPrefix), "/")
	name, what, more := strings.Cut(rest, "/")
	if !ok || !more || len(data) > maxReport {
		d.Bad++
		return
	}
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	switch what {
	case "stats":
		d.addStats(kind, name, data, ts, received)
	case "events":
		d.addEvent(kind+"/"+name, data)
	}
}

func (d *Directory) addStats(kind, name string, data []byte, ts, received float64) {
	var f Figures
	var err error
	switch kind {
	case PostOffice:
		f.Office = new(core.PostOfficeStats)
		err = json.Unmarshal(data, f.Office)
	case Publisher:
		f.Publisher = new(core.PublisherStats)
		err = json.Unmarshal(data, f.Publisher)
	case Receiver:
		f.Receiver = new(core.ReceiverStats)
		err = json.Unmarshal(data, f.Receiver)
	default:
		d.Bad++
		return
	}
	if err != nil {
		d.Bad++
		return
	}
	id := kind + "/" + name
	c := d.components[id]
	switch {
	case c != nil:
		c.Past, c.memory[1] = c.Now, c.memory[0]
		c.Interval = ts - c.TS
		c.Delay = min(c.Delay, received-ts)
	default:
		if d.components == nil {
			d.components = make(map[string]*Component)
		}
		c = &Component{Kind: kind, Name: name, Delay: received - ts}
		d.components[id] = c
	}
	c.Now, c.TS, c.Received, c.Stats = f, ts, received, slices.Clone(data)
	c.Reports++
	d.memory -= c.total
	c.memory[0] = f.memory() + 2*len(data)
	c.total = c.memory[0] + c.memory[1]
	d.memory += c.total
	for len(d.components) > 1 && (len(d.components) > maxComponents || d.memory > maxMemory) {
		d.forget(id)
	}
}

// forget forgets the component that has been silent for longest, but for one.
func (d *Directory) forget(but string) {
	oldest := ""
	for id, c := range d.components {
		if id != but && (oldest == "" || c.Received < d.components[oldest].Received) {
			oldest = id
		}
	}
	d.memory -= d.components[oldest].total
	delete(d.components, oldest)
	d.Forgotten++
}

// memory is about how many bytes the figures take, beyond their JSON.
func (f *Figures) memory() int {
	n := 1
	switch {
	case f.Office != nil:
		n += len(f.Office.Publishers) + len(f.Office.Subscribers) + len(f.Office.Ended)
	case f.Publisher != nil:
		n += len(f.Publisher.Peers) + len(f.Publisher.Ended)
	case f.Receiver != nil:
		n += len(f.Receiver.Peers) + len(f.Receiver.Ended)
	}
	return n * peerMemory
}

func (d *Directory) addEvent(of string, data []byte) {
	var e core.Event
	if json.Unmarshal(data, &e) != nil {
		d.Bad++
		return
	}
	if len(d.events) == maxEvents {
		d.events = slices.Delete(d.events, 0, 1)
	}
	d.events = append(d.events, Event{of, e})
}

// List is all components, by kind and name.
func (d *Directory) List() []Component {
	out := make([]Component, 0, len(d.components))
	for _, id := range slices.Sorted(maps.Keys(d.components)) {
		out = append(out, *d.components[id])
	}
	return out
}

// Events are the newest ones, oldest first.
func (d *Directory) Events() []Event { return slices.Clone(d.events) }

func (d *Directory) clone() Directory {
	out := Directory{events: slices.Clone(d.events), memory: d.memory, Forgotten: d.Forgotten, Bad: d.Bad, components: make(map[string]*Component, len(d.components))}
	for id, c := range d.components {
		copied := *c
		out.components[id] = &copied
	}
	return out
}
