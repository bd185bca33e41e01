package httpd

import (
	"bytes"
	"net/http"
	"time"
)

// stream writes server-sent events to one client. For one goroutine.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
}

// open begins a stream of a kind; end frees its place. It answers itself, and gives nil, where there
// are too many. Last-Event-ID has no meaning: envelopes are not kept to be sent again.
func (s *Server) open(w http.ResponseWriter, kind string) (_ *stream, end func()) {
	select {
	case s.streams <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusServiceUnavailable, "too many streams are open")
		return nil, nil
	}
	gauge := s.counts.streams.WithLabelValues(kind)
	gauge.Inc()
	return &stream{w: w, control: http.NewResponseController(w)}, func() {
		gauge.Dec()
		<-s.streams
	}
}

// begin sends the header. Nothing else can be answered after that.
func (s *stream) begin() error {
	s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	s.w.WriteHeader(http.StatusOK)
	s.buf.WriteString("retry: 2000\n\n")
	return s.flush()
}

// event adds one event; name "" is that of an ordinary message. data is JSON.
func (s *stream) event(name string, data []byte) {
	if name != "" {
		s.buf.WriteString("event: ")
		s.buf.WriteString(name)
		s.buf.WriteByte('\n')
	}
	s.buf.WriteString("data: ")
	for _, b := range data {
		if b == '\n' || b == '\r' {
			b = ' ' // between the tokens of JSON: a string has none
		}
		s.buf.WriteByte(b)
	}
	s.buf.WriteString("\n\n")
}

// comment adds what clients ignore.
func (s *stream) comment(text string) { s.buf.WriteString(": " + text + "\n\n") }

// flush writes what was added. It fails when the client is gone, or reads nothing for writeTimeout.
func (s *stream) flush() error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return err
	}
	s.buf.Reset()
	if s.buf.Cap() > 1<<20 {
		s.buf = bytes.Buffer{}
	}
	return s.control.Flush()
}
