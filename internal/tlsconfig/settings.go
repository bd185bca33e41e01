// Package tlsconfig has the certificates of a component for TLS 1.3: it reads them from files,
// again when those change, and decides which peers are accepted. It makes configurations for
// crypto/tls, and knows no sockets.
//
//	settings.go     what the options tls.* say
//	config.go       the configurations, and when files are read again
//	material.go     what the files contain
//	pins.go         fingerprints of public keys
//	identity.go     who the peer of a finished handshake is
//	expiry.go       when it is time to warn of a certificate that expires
//
// Rules: Bad files keep the certificates that were read last, and that is reported. A secret key is
// part of no text. A Config has one mutex, and calls nothing with it held.
package tlsconfig

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Which clients a server accepts, besides Auto.
const (
	Auto = "auto" // ByCA if there is a CA file, ByPin if there are pins, ByBoth if there are both, else Any
	Any  = "any"  // all; none is asked for a certificate
	ByCA = "ca"   // those with a certificate that a CA of the CA file has signed
	// ByPin accepts those whose public key is one of the pins.
	ByPin  = "pins"
	ByBoth = "both" // demands both
)

// environment is what the text of a key in an environment variable begins with.
const environment = "env:"

// Settings are the values of the options tls.*; "" is what is not set.
type Settings struct {
	Cert    string // path of a PEM file: the own certificate, and the intermediate ones behind it
	Key     string // path of a PEM file, or env:NAME; "" if the key is in the file Cert
	CA      string // path of a PEM file, or a directory of those; "" are the roots of the system
	Pins    string // fingerprints of public keys, separated by commas
	Clients string // Auto, Any, ByCA, ByPin or ByBoth
	Name    string // that the certificates of servers are to be for; "" is the host of the address
}

// CheckName reports why a text cannot be the name of a server, or nil.
func CheckName(text string) error {
	if !isServerName(text) {
		return errors.New("a name of a server is that of a host, or an IP address")
	}
	return nil
}

func isServerName(text string) bool {
	return text != "" && len(text) <= 253 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-") == ""
}

// CheckPins reports why a text is no list of fingerprints, or nil.
func CheckPins(text string) error {
	_, err := ParsePins(text)
	return err
}

// strictest is what Auto stands for: no setting that could keep a client out is ignored.
func (s *Settings) strictest() string {
	switch {
	case s.CA != "" && s.Pins != "":
		return ByBoth
	case s.CA != "":
		return ByCA
	case s.Pins != "":
		return ByPin
	}
	return Any
}

// check completes s, and refuses what does not fit together.
func (s Settings) check() (Settings, error) {
	if s.Clients == "" || s.Clients == Auto {
		s.Clients = s.strictest()
	}
	switch {
	case s.Key != "" && s.Cert == "":
		return s, errors.New("option tls.key is set, but not tls.cert, the certificate of that key")
	case (s.Clients == ByCA || s.Clients == ByBoth) && s.CA == "":
		return s, fmt.Errorf("option tls.clients is %s, but tls.ca, the file of the CAs that sign clients, is not set", s.Clients)
	case (s.Clients == ByPin || s.Clients == ByBoth) && s.Pins == "":
		return s, fmt.Errorf("option tls.clients is %s, but tls.pins is empty", s.Clients)
	}
	for _, path := range []*string{&s.Cert, &s.Key, &s.CA} {
		if *path == "" || strings.HasPrefix(*path, environment) {
			continue
		}
		absolute, err := filepath.Abs(*path) // a later change of the working directory does not matter
		if err != nil {
			return s, fmt.Errorf("the working directory is unknown: %w", err)
		}
		*path = absolute
	}
	return s, nil
}
