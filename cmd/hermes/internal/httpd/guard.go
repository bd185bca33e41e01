package httpd

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// guard refuses what must not be answered, and says in every answer what browsers may do with it.
func (s *Server) guard(next http.HandlerFunc) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.mayBeCalled(r.Host):
			s.refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("this server is not called %q; use its IP address, or start it with --http-host %s", hostOf(r.Host), hostOf(r.Host)))
		case cross.Check(r) != nil, fromElsewhere(r):
			s.refuse(w, http.StatusForbidden, "the page of another web site sent this request")
		default:
			next(w, r)
		}
	})
}

// refuse is fail for a request that is refused because of who sent it.
func (s *Server) refuse(w http.ResponseWriter, code int, text string) {
	s.counts.refused.Inc()
	fail(w, code, text)
}

// fail answers with an error, as JSON.
func fail(w http.ResponseWriter, code int, text string) {
	body, _ := json.Marshal(map[string]string{"error": text}) // a string always encodes
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}

// allows reports whether the method of a request is one of some, and answers if it is not.
func allows(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(methods, " and "), r.Method))
	return false
}

// hostOf is a Host header without the port and without brackets.
func hostOf(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// mayBeCalled reports whether a Host header names this server. A page that reaches it by DNS
// rebinding names its own site.
func (s *Server) mayBeCalled(header string) bool {
	host := hostOf(header)
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if own, err := os.Hostname(); err == nil && host == strings.ToLower(own) {
		return true
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(name string) bool { return hostOf(name) == host })
}

// fromElsewhere reports whether a browser sends a request for the page of another site. Following a link
// to the page is no such request.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// Token is a secret that a client has to send. Only its hash is kept. It can be replaced at any time.
type Token struct {
	hash atomic.Pointer[[sha256.Size]byte]
}

// Replace makes the token that of another one.
func (t *Token) Replace(by *Token) { t.hash.Store(by.hash.Load()) }

// minToken is the length of the shortest token, in bytes.
const minToken = 16

// ReadToken reads a token from a file, or from an environment variable as env:NAME. White space around
// it does not count.
func ReadToken(from string) (*Token, error) {
	var text string
	if name, is := strings.CutPrefix(from, "env:"); is {
		value, set := os.LookupEnv(name)
		if !set {
			return nil, fmt.Errorf("the environment variable %s is not set", name)
		}
		text = value
	} else {
		content, err := plainfile.Read(from, 4096)
		if err != nil {
			return nil, err
		}
		text = string(content)
	}
	text = strings.TrimSpace(text)
	switch {
	case len(text) < minToken:
		return nil, fmt.Errorf("the token in %s has %d characters, and needs %d: make one with openssl rand -hex 32", from, len(text), minToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the token in " + from + " has characters that no header may have: make one with openssl rand -hex 32")
	}
	hash, t := sha256.Sum256([]byte(text)), &Token{}
	t.hash.Store(&hash)
	return t, nil
}

// is reports whether a request has the token. The time that it takes does not depend on the token.
func (t *Token) is(r *http.Request) bool {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(given[:], t.hash.Load()[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// demand reports whether a request has the token, and answers if it has not.
func (s *Server) demand(w http.ResponseWriter, r *http.Request, t *Token, what string) bool {
	if t.is(r) {
		return true
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	s.refuse(w, http.StatusUnauthorized, what+" needs the header Authorization: Bearer TOKEN, with the right token")
	return false
}

// reads is a handler of what shows topics, peers or envelopes.
func (s *Server) reads(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch t := s.cfg.ReadToken; {
		case t == nil && s.policed:
			s.refuse(w, http.StatusForbidden, "this post office has a policy, and HTTP shows nothing of what it relays: start it with --http-token-file FILE")
		case t == nil || s.demand(w, r, t, r.URL.Path):
			next(w, r)
		}
	}
}
