package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// readiness is what /readyz?verbose of a post office answers.
type readiness struct {
	Status string `json:"status"`
	Checks []struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Reason string `json:"reason"`
	} `json:"checks"`
}

// overHTTP asks the post office at the URL of the context whether it is ready.
func (d *doctor) overHTTP(at string) {
	began := time.Now()
	r, err := d.askReady(at)
	if err != nil {
		d.fail("http", "check that the post office runs with --http, that this is its address, and that it knows the name (--http-host)", "%v", plainCause(err))
		return
	}
	var reasons []string
	for _, c := range r.Checks {
		if !c.OK && c.Name != "connections" { // of single peers, such as this command when it tries what an address is for
			reasons = append(reasons, c.Name+": "+c.Reason)
		}
	}
	switch text := strings.Join(reasons, "; "); {
	case r.Status != "ok":
		d.fail("http", "look at the log of the post office", "it is not ready: %s", text)
	case text != "":
		d.warn("http", "look at the log of the post office", "it is ready; %s", text)
	default:
		d.ok("http", time.Since(began), "it is ready")
	}
}

// askReady gets the answer of /readyz.
func (d *doctor) askReady(at string) (*readiness, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.target.timeout)
	defer cancel()
	to, err := url.JoinPath(at, "readyz")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to+"?verbose", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, err
	}
	r := new(readiness)
	if err := json.Unmarshal(text, r); err != nil || len(r.Checks) == 0 {
		return nil, fmt.Errorf("what listens there is not the HTTP server of a post office: %s", response.Status)
	}
	return r, nil
}
