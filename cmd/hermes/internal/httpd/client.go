package httpd

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// clientName is the name of the publisher and the receivers of HTTP, and the origin of what is published.
const clientName = "http"

// connectable is an address at which this process reaches what is bound at an endpoint of its own.
func connectable(endpoint string) string {
	scheme, rest, _ := strings.Cut(endpoint, "://")
	host, port, err := net.SplitHostPort(rest)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
		return scheme + "://" + net.JoinHostPort(host, port)
	}
	return endpoint
}

// ownAddress is where this process reaches a side of its post office: "in" or "out".
func (s *Server) ownAddress(side string) (string, error) {
	all, err := s.cfg.Office.Get("endpoint." + side)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(all, ",")
	if first == "" {
		return "", errors.New("the post office has no address of its own at which HTTP could reach it")
	}
	return connectable(first), nil
}

// identify gives a component the keys that it needs at an address of the post office.
func (s *Server) identify(c core.Component, at string) error {
	secret, err := s.cfg.Office.Get("curve.secret")
	if err != nil || secret == "" || address.IsPlain(at) || strings.HasPrefix(at, "tls://") {
		return err
	}
	pair, err := curve.LookUpSecret(secret)
	if err != nil {
		return fmt.Errorf("the key of the post office cannot be read again: %w", err)
	}
	defer pair.Wipe()
	if err := c.Set("curve.server", pair.Public.String()); err != nil {
		return err
	}
	if s.cfg.Key == "" {
		return nil
	}
	return c.Set("curve.secret", s.cfg.Key)
}
