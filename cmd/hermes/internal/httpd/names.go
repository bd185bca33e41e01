package httpd

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// Limits of what is kept of receivers that show themselves.
const (
	maxNames      = 512
	maxNameReport = 64 << 10 // bytes of a report that is read
)

// receiverReports is what the topics of their reports begin with.
const receiverReports = systemtopic.Prefix + "receiver/"

// names knows what receivers call themselves in their reports, by the instance that a connection tells as well. While a page is
// open it subscribes to the reports, like the tail; where that needs a key that there is not, there are no names.
//
// mu guards of; receiver and ended are for the goroutine that calls begin and end.
type names struct {
	receiver *core.Receiver // nil: there is none
	ended    chan struct{}  // closed when its goroutine has ended

	mu sync.Mutex
	of map[string]string
}

// begin begins to listen.
func (n *names) begin(s *Server) {
	n.mu.Lock()
	n.of = map[string]string{}
	n.mu.Unlock()
	if s.cfg.Key == "" && s.needsKey() {
		return
	}
	receiver, err := s.receiver(wish{topics: []string{receiverReports}})
	if err != nil {
		return
	}
	n.receiver, n.ended = receiver, make(chan struct{})
	n.note(receiver.Stats().Instance, "this page")
	go n.listen(receiver, n.ended)
}

// needsKey reports whether the receivers' side may refuse a receiver without a key.
func (s *Server) needsKey() bool {
	if s.policed {
		return true
	}
	secret, err := s.cfg.Office.Get("curve.secret")
	at, failed := s.ownAddress("out")
	return err != nil || failed != nil || secret != "" || strings.HasPrefix(at, "tls://")
}

func (n *names) listen(receiver *core.Receiver, ended chan<- struct{}) {
	defer close(ended)
	for {
		d, err := receiver.Take(takeAtOnce, time.Second)
		switch {
		case err == nil:
			for i := range d.Len() {
				v := d.At(i)
				n.add(string(v.Topic), v.Data)
			}
			d.Release()
		case core.CodeOf(err) != core.ETIMEOUT:
			return
		}
	}
}

// add takes in a report: $hermes/receiver/NAME/stats.
func (n *names) add(topic string, data []byte) {
	name, is := strings.CutSuffix(strings.TrimPrefix(topic, receiverReports), "/stats")
	if !is || len(data) > maxNameReport {
		return
	}
	var report struct {
		Instance string `json:"instance"`
	}
	if json.Unmarshal(data, &report) != nil || report.Instance == "" {
		return
	}
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	n.note(report.Instance, shown([]byte(name)))
}

func (n *names) note(instance, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.of[instance]; known || len(n.of) < maxNames {
		n.of[instance] = name
	}
}

// known are the names by now.
func (n *names) known() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.of)
}

// end ends it.
func (n *names) end() {
	if n.receiver != nil {
		_ = n.receiver.Close()
		<-n.ended
		n.receiver = nil
	}
}
