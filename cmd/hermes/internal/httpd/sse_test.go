package httpd

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sseEvent is one server-sent event.
type sseEvent struct{ name, data string }

// events reads a stream.
type events struct {
	t  testing.TB
	ch chan sseEvent
}

// stream opens one.
func (s *site) stream(path string, headers ...string) *events {
	s.t.Helper()
	answer := s.request("GET", path, "", headers...)
	require.Equal(s.t, 200, answer.StatusCode)
	require.Equal(s.t, "text/event-stream; charset=utf-8", answer.Header.Get("Content-Type"))
	e := &events{s.t, make(chan sseEvent, 10_000)}
	go readEvents(answer.Body, e.ch)
	return e
}

// readEvents reads a stream to its end.
func readEvents(from io.Reader, to chan<- sseEvent) {
	defer close(to)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8<<20)
	var now sseEvent
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case key == "event":
			now.name = value
		case key == "data":
			now.data = value
		case lines.Text() == "":
			if now.data != "" {
				to <- now
			}
			now = sseEvent{}
		}
	}
}

// next is the next event of a name.
func (e *events) next(name string) string {
	e.t.Helper()
	end := time.After(soon)
	for {
		select {
		case got, open := <-e.ch:
			require.True(e.t, open, "the stream has ended")
			if got.name == name {
				return got.data
			}
		case <-end:
			require.Fail(e.t, "no event "+name)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t, Config{})
	for range maxStreams {
		s.streams <- struct{}{}
	}
	answer := s.request("GET", "/v1/live", "")
	require.Equal(t, 503, answer.StatusCode)
	require.Equal(t, "10", answer.Header.Get("Retry-After"))
	<-s.streams
	s.stream("/v1/live").next("hello")
}
