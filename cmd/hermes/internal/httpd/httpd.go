// Package httpd is what a post office shows over HTTP: metrics, health, counters, envelopes as
// server-sent events, publishing for curl and browsers, and the page at /.
//
//	/                     the page            page.go, page/
//	/metrics              Prometheus          package metrics
//	/livez, /readyz       health              health.go
//	/v1/stats             counters            health.go
//	/v1/live              what the page shows live.go, census.go
//	/v1/subscribe         envelopes           subscribe.go
//	/v1/publish/TOPIC     one envelope        publish.go
//
// Rules:
//
//   - Every request passes the guard (guard.go) first: the Host header, so that no web site reaches
//     it by DNS rebinding; where the request comes from, so that no other site's page sends it; the
//     method. There is no CORS.
//   - Where there is a policy, everything that shows topics or envelopes needs the token for
//     reading, and is refused if there is none. Publishing always needs a token of its own.
//   - What is published and subscribed to takes the way of any other program: a publisher and
//     receivers connect to the addresses of the post office itself, with the key of Config.Key, and have
//     the rights that the policy gives to it.
//   - Every stream is bounded. A client that does not read loses messages, which are counted and
//     which it is told, and is disconnected when it reads nothing for writeTimeout.
//   - Nothing is done for the page while none is open: no timer, no receiver, no counting.
//
// Locks: Server.mu, live.mu and census.mu guard their structs, and none is held while another
// is taken or anything waits, but census.mu on the goroutines of publishers' connections, under locks of the
// relay's inlet.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/metrics"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// Limits of the server. A request that exceeds one is refused or closed.
const (
	headerTimeout  = 5 * time.Second  // for the header of a request
	requestTimeout = 15 * time.Second // for a request with its body
	idleTimeout    = time.Minute      // of a connection between requests
	writeTimeout   = 10 * time.Second // for what is written at once
	maxHeader      = 16 << 10         // bytes
	maxBody        = 1 << 20          // bytes of an envelope to publish
	maxConnections = 256              // at the same time
	maxStreams     = 64               // of server-sent events at the same time
	heartbeat      = 15 * time.Second // between comments on a silent stream
)

// Config is what a server shows, and to whom.
type Config struct {
	Office   *core.PostOffice
	Backbone func() *backbone.Stats // nil, or gives nil: the post office has joined no other

	PeerMetrics  bool     // whether /metrics has series for single peers
	Hosts        []string // names by which the server is reached, besides IP addresses, localhost and that of the machine
	ReadToken    *Token   // for topics and envelopes; nil: without a policy none is needed, and with one they are not shown
	PublishToken *Token   // nil: nothing can be published
	Key          string   // as the option curve.secret: who publishes and receives for HTTP; "": a new key, where keys are needed
}

// Server serves HTTP for one post office.
type Server struct {
	cfg     Config
	http    *http.Server
	ctx     context.Context // done when the server closes: ends all streams
	cancel  context.CancelFunc
	policed bool // there is a policy

	registry *prometheus.Registry

	streams    chan struct{} // has room for those that may still begin
	counts     counts
	live       *live
	heartbeats healthCheck
	served     chan struct{} // closed when Serve has returned

	mu        sync.Mutex
	publisher *sender // nil until something is published
}

// counts are the metrics of the server itself.
type counts struct {
	streams   *prometheus.GaugeVec
	lost      *prometheus.CounterVec
	published prometheus.Counter
	refused   prometheus.Counter
}

func newCounts(r prometheus.Registerer) counts {
	c := counts{
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hermes_http_streams", Help: "Open streams of server-sent events: subscribe, or live."}, []string{"stream"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hermes_http_stream_lost_messages_total",
			Help: "Messages that clients of streams did not get, because they did not keep up."}, []string{"stream"}),
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_http_published_messages_total", Help: "Messages that were published over HTTP."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "hermes_http_refused_requests_total",
			Help: "Requests that were refused: a wrong host, another web site, a wrong token."}),
	}
	for _, stream := range []string{"subscribe", "live"} {
		c.streams.WithLabelValues(stream)
		c.lost.WithLabelValues(stream)
	}
	r.MustRegister(c.streams, c.lost, c.published, c.refused)
	return c
}

// New makes a server, which does not listen yet.
func New(cfg Config) (*Server, error) {
	policy, err := cfg.Office.Get("policy")
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, policed: policy != "", streams: make(chan struct{}, maxStreams), served: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.registry = metrics.Register(metrics.Config{Office: cfg.Office.Stats, Backbone: cfg.Backbone, Peers: cfg.PeerMetrics})
	s.counts = newCounts(s.registry)
	s.live = newLive(s)
	s.http = &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout, WriteTimeout: 2 * writeTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // requests that cannot be read are not logged
	}
	return s, nil
}

// routes are what the server has, by path.
func (s *Server) routes() func(http.ResponseWriter, *http.Request) {
	scrape := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: writeTimeout})
	fixed := map[string]http.HandlerFunc{
		"/metrics": scrape.ServeHTTP, "/livez": s.livez, "/readyz": s.readyz, "/v1/stats": s.reads(s.stats),
		"/v1/live": s.reads(s.live.serve), "/v1/subscribe": s.reads(s.subscribe),
	}
	page := pages()
	return func(w http.ResponseWriter, r *http.Request) {
		switch handler := fixed[r.URL.Path]; {
		case handler != nil && allows(w, r, http.MethodGet, http.MethodHead):
			handler(w, r)
		case handler != nil:
		case strings.HasPrefix(r.URL.Path, publishPath):
			if allows(w, r, http.MethodPost) {
				s.publish(w, r)
			}
		case allows(w, r, http.MethodGet, http.MethodHead):
			page(w, r)
		}
	}
}

// CheckAddress reports why a text is no address for Listen.
func CheckAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil && port != "*" {
		return fmt.Errorf("%q is no address; write it as 127.0.0.1:9600", address)
	}
	return nil
}

// Listen binds an address, host:port; * stands for a free port, and no host for all interfaces.
func Listen(address string) (net.Listener, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	if port == "*" {
		port = "0"
	}
	if host == "*" {
		host = ""
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// Exposed reports whether programs of other machines reach a listener.
func Exposed(l net.Listener) bool {
	at, ok := l.Addr().(*net.TCPAddr)
	return !ok || !at.IP.IsLoopback()
}

// Serve serves what a listener accepts, in goroutines of its own, until Close.
func (s *Server) Serve(l net.Listener) {
	bounded := newBoundedListener(l, maxConnections)
	s.http.ConnState = bounded.note
	go func() {
		defer close(s.served)
		_ = s.http.Serve(bounded)
	}()
}

// Close ends all streams and the server, and waits a moment for requests under way. Serve has been called.
func (s *Server) Close() {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = s.http.Close()
	}
	<-s.served
	s.live.close()
	s.mu.Lock()
	p := s.publisher
	s.publisher = nil
	s.mu.Unlock()
	if p != nil {
		p.close()
	}
}

// Event shows an event of the post office on the page. It does not wait.
func (s *Server) Event(e core.Event) { s.live.event(e) }
