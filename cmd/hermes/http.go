package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/httpd"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
	"github.com/hermes-zmq/hermes/core"
)

// httpFlags are the flags of a post office that serves HTTP.
type httpFlags struct {
	flags                   *pflag.FlagSet
	address, key            string
	readToken, publishToken string
	hosts                   []string
	peers                   bool
}

// addHTTP declares the flags.
func addHTTP(f *pflag.FlagSet) *httpFlags {
	h := &httpFlags{flags: f}
	f.StringVar(&h.address, "http", "", "serve metrics, health checks and a page for browsers over HTTP at this `address`, such as 127.0.0.1:9600")
	f.BoolVar(&h.peers, "http-peer-metrics", false, "with --http: metrics of single receivers too, of the 100 oldest at most")
	f.StringArrayVar(&h.hosts, "http-host", nil, "with --http: `name` by which it is reached, besides IP addresses, localhost and the name of this machine; may be repeated")
	f.StringVar(&h.readToken, "http-token-file", "", "with --http: `file` with the token that clients need to see topics, peers and envelopes, or env:NAME; needed for that where there is a policy")
	f.StringVar(&h.publishToken, "http-publish-token-file", "", "with --http: `file` with the token that clients need to publish over HTTP, or env:NAME (default: nothing can be published)")
	f.StringVar(&h.key, "http-key", "", "with --http: `file` with the secret key (CURVE) of what HTTP publishes and receives, or env:NAME: the policy names its public key")
	return h
}

// ofHTTP are the flags that mean nothing without --http.
var ofHTTP = []string{"http-peer-metrics", "http-host", "http-token-file", "http-publish-token-file", "http-key"}

// web is the HTTP server of a post office. nil: there is none.
type web struct {
	server        *httpd.Server
	listener      net.Listener
	read, publish *httpd.Token // those in force, or nil
}

// check finds what is wrong with the flags, and with which one.
func (h *httpFlags) check() (flag string, err error) {
	if h.address == "" {
		for _, name := range ofHTTP {
			if h.flags.Changed(name) {
				return name, usageError{fmt.Sprintf("--%s is for a post office that serves HTTP; add --http 127.0.0.1:9600", name)}
			}
		}
		return "", nil
	}
	if err := httpd.CheckAddress(h.address); err != nil {
		return "http", usageError{"--http: " + err.Error()}
	}
	if _, err := token("http-token-file", h.readToken); err != nil {
		return "http-token-file", err
	}
	_, err = token("http-publish-token-file", h.publishToken)
	return "http-publish-token-file", err
}

// open binds the address, and reads the tokens; nil without --http. The flags have been checked.
func (h *httpFlags) open(log *logs.Logger, office *core.PostOffice, joint *joint) (*web, error) {
	if h.address == "" {
		return nil, nil
	}
	cfg := httpd.Config{Office: office, Backbone: joint.stats, PeerMetrics: h.peers, Hosts: h.hosts, Key: h.key}
	var err error
	if cfg.ReadToken, cfg.PublishToken, err = h.tokens(); err != nil {
		return nil, err
	}
	server, err := httpd.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	listener, err := httpd.Listen(h.address)
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	if httpd.Exposed(listener) {
		log.Warn(fmt.Sprintf("every program in the network may read what --http shows at %s, and nothing is encrypted: bind it to 127.0.0.1, behind a proxy with TLS (docs/monitoring.md)", listener.Addr()), "kind", "unprotected")
	}
	return &web{server, listener, cfg.ReadToken, cfg.PublishToken}, nil
}

// token reads the token that a flag names; nil without one.
func token(flag, from string) (*httpd.Token, error) {
	if from == "" {
		return nil, nil
	}
	t, err := httpd.ReadToken(from)
	if err != nil {
		return nil, usageError{fmt.Sprintf("--%s: %v", flag, err)}
	}
	if info, err := os.Stat(from); err == nil && info.Mode().Perm()&0o004 != 0 {
		return nil, usageError{fmt.Sprintf("--%s: every user of this machine can read %s: chmod 600 %s, and replace the token if it may have been read", flag, from, from)}
	}
	return t, nil
}

// tokens reads the tokens again; nil where there is none.
func (h *httpFlags) tokens() (read, publish *httpd.Token, err error) {
	if read, err = token("http-token-file", h.readToken); err != nil {
		return nil, nil, err
	}
	publish, err = token("http-publish-token-file", h.publishToken)
	return read, publish, err
}

// replaceTokens puts tokens in the place of those that clients have to send.
func (w *web) replaceTokens(read, publish *httpd.Token) {
	if w == nil {
		return
	}
	if read != nil && w.read != nil {
		w.read.Replace(read)
	}
	if publish != nil && w.publish != nil {
		w.publish.Replace(publish)
	}
}

// serve begins to serve; end ends it.
func (w *web) serve() (end func()) {
	if w == nil {
		return func() {}
	}
	w.server.Serve(w.listener)
	return w.server.Close
}

// close ends what has not begun to serve.
func (w *web) close() {
	if w != nil {
		_ = w.listener.Close()
	}
}

// endpoint is where browsers find the server, or "".
func (w *web) endpoint() string {
	if w == nil {
		return ""
	}
	return "http://" + strings.Replace(w.listener.Addr().String(), "[::]", "0.0.0.0", 1)
}

// hears shows an event of the post office on the page.
func (w *web) hears(e core.Event) {
	if w != nil {
		w.server.Event(e)
	}
}
