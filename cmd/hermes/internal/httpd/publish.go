package httpd

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/wire"
)

const publishPath = "/v1/publish/"

// publish takes POST /v1/publish/TOPIC, whose body is the data of an envelope, ?origin=, and the header
// traceparent, which is left out where it is none (W3C Trace Context, 3.2).
func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	if s.cfg.PublishToken == nil {
		s.refuse(w, http.StatusForbidden, "publishing is off: start the post office with --http-publish-token-file FILE")
		return
	}
	if !s.demand(w, r, s.cfg.PublishToken, "publishing") {
		return
	}
	topic := strings.TrimPrefix(r.URL.Path, publishPath)
	switch {
	case topic == "":
		fail(w, http.StatusBadRequest, "which topic? Write it behind "+publishPath)
		return
	case strings.HasPrefix(topic, "$"):
		fail(w, http.StatusForbidden, "topics that begin with $ are those of hermes itself")
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "the body is JSON: send the header Content-Type: application/json (curl --json does)")
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody))
		return
	} else if err != nil {
		fail(w, http.StatusBadRequest, "the body could not be read: "+err.Error())
		return
	}
	if err := s.send(topic, r.URL.Query().Get("origin"), data, r.Header.Get("traceparent")); err != nil {
		fail(w, codeOf(err), err.Error())
		return
	}
	s.counts.published.Inc()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "{\"accepted\":true}\n")
}

// send publishes one envelope.
func (s *Server) send(topic, origin string, data []byte, traceparent string) error {
	p, err := s.sender()
	if err != nil {
		return err
	}
	if refused := p.refusal(topic, origin); refused != "" {
		return &core.Error{Code: core.EACCES, Text: refused}
	}
	if traceparent != "" {
		if err = p.publisher.PublishTraced(topic, origin, data, traceparent); !errors.Is(err, wire.ErrTraceParent) {
			return err
		}
	}
	return p.publisher.Publish(topic, origin, data)
}

// sender publishes for HTTP. For several goroutines.
type sender struct {
	publisher *core.Publisher
	events    chan struct{}   // closed when events are no longer read
	policy    *policy.Live    // nil: there is none
	identity  policy.Identity // under which the post office knows the publisher
}

// sender is made for the first envelope.
func (s *Server) sender() (*sender, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != nil {
		return s.publisher, nil
	}
	if s.ctx.Err() != nil {
		return nil, errors.New("the post office stops")
	}
	p, err := s.newSender()
	if err != nil {
		return nil, err
	}
	s.publisher = p
	return p, nil
}

func (s *Server) newSender() (*sender, error) {
	at, err := s.ownAddress("in")
	if err != nil {
		return nil, err
	}
	p := &sender{events: make(chan struct{})}
	if p.publisher, err = core.NewPublisher(at, clientName); err != nil {
		return nil, err
	}
	if err = s.identify(p.publisher, at); err == nil {
		err = s.readPolicy(p, at)
	}
	if err == nil {
		err = p.publisher.Set("queue.full", "error")
	}
	if err == nil {
		err = p.publisher.Start()
	}
	if err == nil {
		err = p.connect()
	}
	if err != nil {
		if p.policy != nil {
			p.policy.Close()
		}
		_ = p.publisher.Close()
		return nil, err
	}
	go p.readEvents()
	return p, nil
}

// connect waits until the post office has let the publisher in, or has refused it. Whether there are
// subscriptions does not matter.
func (p *sender) connect() (err error) {
	for end := time.Now().Add(connectTimeout); time.Now().Before(end); {
		err = p.publisher.WaitReady(20 * time.Millisecond)
		if core.CodeOf(err) != core.ETIMEOUT || len(p.publisher.Stats().Peers) > 0 {
			break
		}
	}
	if core.CodeOf(err) == core.ETIMEOUT && len(p.publisher.Stats().Peers) > 0 {
		return nil
	}
	return err
}

// readPolicy opens the policy, so that a request that it does not allow is refused at once and with
// the reason. The post office asks it again for each envelope, and tells only the publisher.
func (s *Server) readPolicy(p *sender, at string) error {
	path, err := s.cfg.Office.Get("policy")
	if err != nil || path == "" {
		return err
	}
	secret, err := s.cfg.Office.Get("curve.secret")
	if err != nil {
		return err
	}
	locked, key := secret != "" && !address.IsPlain(at), ""
	if locked && s.cfg.Key != "" {
		pair, err := curve.LookUpSecret(s.cfg.Key)
		if err != nil {
			return err
		}
		key = pair.Public.String()
		pair.Wipe()
	}
	endpoints, err := s.cfg.Office.Get("endpoint.in")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(endpoints, ",")
	if locked && key == "" || key == "" && !strings.HasPrefix(strings.TrimPrefix(first, "plain+"), "tcp://") {
		return nil // the post office alone knows which user it is
	}
	p.identity = policy.Identity{Mechanism: "plain", Address: first, Key: key}
	p.policy, err = policy.Open(path, func(policy.Report) {})
	return err
}

// refusal is why the policy does not allow to publish, or "".
func (p *sender) refusal(topic, origin string) string {
	if p.policy == nil {
		return ""
	}
	if origin == "" {
		origin = clientName
	}
	u := p.policy.Policy().Identify(p.identity)
	if u == nil {
		return p.identity.String() + " is not known to the policy: give HTTP a key with --http-key FILE, and name that in the policy"
	}
	if v := u.Publish(topic, origin); !v.Allowed {
		return u.Refusal("publish", topic, v)
	}
	return ""
}

// readEvents takes the events of the publisher, which the post office reports as well.
func (p *sender) readEvents() {
	defer close(p.events)
	for {
		if _, err := p.publisher.NextEvent(-1); err != nil {
			return
		}
	}
}

// close sends what is queued.
func (p *sender) close() {
	_ = p.publisher.Stop(time.Second)
	<-p.events
	_ = p.publisher.Close()
	if p.policy != nil {
		p.policy.Close()
	}
}
