package httpd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// answerTimeout is how long the post office may take for its statistics before it counts as stuck.
const answerTimeout = 5 * time.Second

// healthCheck finds out whether a post office answers. One question is asked at a time, and all that
// ask meanwhile wait for its answer: a post office that is stuck costs one goroutine.
type healthCheck struct {
	mu    sync.Mutex
	asked chan struct{} // closed when the question under way is answered; nil: none is
}

// passes reports whether ask returns within a limit.
func (h *healthCheck) passes(ask func(), limit time.Duration) bool {
	h.mu.Lock()
	answered := h.asked
	if answered == nil {
		answered = make(chan struct{})
		h.asked = answered
		go func() {
			ask()
			h.mu.Lock()
			h.asked = nil
			h.mu.Unlock()
			close(answered)
		}()
	}
	h.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-answered:
		return true
	case <-timer.C:
		return false
	}
}

// check is one answer of a health check.
type check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Required bool   `json:"required"` // whether the whole depends on it
	Reason   string `json:"reason,omitempty"`
}

// livez answers whether the post office works at all: one that does not should be started again.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	c := check{Name: "answers", Required: true, Reason: fmt.Sprintf("the post office does not give its counters within %v", answerTimeout)}
	c.OK = s.heartbeats.passes(func() { s.cfg.Office.Stats() }, answerTimeout)
	answer(w, r, []check{c})
}

// readyz answers whether the post office relays.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	now := s.cfg.Office.Stats()
	checks := []check{
		{Name: "running", OK: now.State == "running", Required: true, Reason: "its state is " + now.State},
		{Name: "sides", OK: now.Ready, Required: true, Reason: "not all sides are open"},
		{Name: "connections", OK: now.Problem == "", Reason: now.Problem},
	}
	if b := s.backbone(); b != nil {
		checks = append(checks, check{Name: "backbone", OK: b.Connected, Reason: "there is no connection to NATS: other sites get nothing"})
	}
	answer(w, r, checks)
}

// answer writes the result of checks: a line for people and for programs that look at the code, or
// with ?verbose a JSON object.
func answer(w http.ResponseWriter, r *http.Request, checks []check) {
	ok := true
	var reasons []string
	for i, c := range checks {
		switch {
		case c.OK:
			checks[i].Reason = ""
		case c.Required:
			ok = false
			reasons = append(reasons, c.Reason)
		}
	}
	code, status := http.StatusOK, "ok"
	if !ok {
		code, status = http.StatusServiceUnavailable, "not ok"
	}
	if r.URL.Query().Has("verbose") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "checks": checks})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	if !ok {
		status += ": " + strings.Join(reasons, "; ")
	}
	fmt.Fprintln(w, status)
}

// statistics are what /v1/stats gives: as a line of hermes postoffice --stats, without rates.
type statistics struct {
	Time string `json:"time"` // RFC 3339, UTC
	core.PostOfficeStats
	Backbone *backbone.Stats `json:"backbone,omitempty"`
}

// stats writes all counters.
func (s *Server) stats(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(statistics{Time: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		PostOfficeStats: s.cfg.Office.Stats(), Backbone: s.backbone()})
}

// backbone is the statistics of the backbone, or nil.
func (s *Server) backbone() *backbone.Stats {
	if s.cfg.Backbone == nil {
		return nil
	}
	return s.cfg.Backbone()
}
