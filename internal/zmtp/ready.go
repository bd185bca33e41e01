package zmtp

import (
	"encoding/binary"
	"errors"
	"strings"
)

// The data of a READY are properties, each of which is (RFC 37, "The NULL mechanism"):
//
//	offset  size  meaning
//	0       1     size of the name, n > 0
//	1       n     name, in any case
//	1+n     4     size of the value, network order
//	5+n     size  value
//
// Names beginning with "X-" are for applications; peers ignore those that they do not know.
const (
	propSocketType = "Socket-Type"
	propHermes     = "X-Hermes"          // the version of the envelopes that the peer reads or writes
	propInstance   = "X-Hermes-Instance" // a random name of the component that the socket is part of
	propOffice     = "X-Hermes-Office"   // the name of the post office that the socket is part of
	propSince      = "X-Hermes-Since"    // the peer wants history, see historyposition.go
	propHistory    = "X-Hermes-History"  // the peer has history
	propConfirm    = "X-Hermes-Confirm"  // the peer retains what is not confirmed, see confirm.go
)

const (
	// maxVersion and maxOffice are how many bytes of the properties are kept.
	maxVersion  = 16
	maxOffice   = 32
	maxInstance = 32
	maxSince    = 20
	// minReady is the size of the smallest READY with a socket type.
	minReady = 2 + 1 + len(cmdReady) + 1 + len(propSocketType) + 4 + 4
)

// properties are the properties of a READY that are used here; "" where one is missing.
type properties struct {
	socketType string
	hermes     string
	office     string
	instance   string
	since      string // microseconds since 1970
	history    string
	confirm    string
}

// ownProperties are what this end announces.
func ownProperties(c *conn) properties {
	cfg := &c.s.cfg
	p := properties{socketType: cfg.Type.String(), hermes: cfg.Hermes, office: cfg.Office, instance: cfg.Instance}
	c.s.role.announce(c, &p)
	return p
}

// encode gives the properties as they are sent: as the data of a READY, or in the boxes of
// CURVE.
func (p properties) encode() []byte {
	data := appendProperty(nil, propSocketType, p.socketType)
	if p.hermes != "" {
		data = appendProperty(data, propHermes, p.hermes)
	}
	if p.office != "" {
		data = appendProperty(data, propOffice, p.office)
	}
	if p.instance != "" {
		data = appendProperty(data, propInstance, p.instance)
	}
	if p.since != "" {
		data = appendProperty(data, propSince, p.since)
	}
	if p.history != "" {
		data = appendProperty(data, propHistory, p.history)
	}
	if p.confirm != "" {
		data = appendProperty(data, propConfirm, p.confirm)
	}
	return data
}

func appendProperty(dst []byte, name, value string) []byte {
	dst = append(append(dst, byte(len(name))), name...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// parseReady reads the data of a READY.
func parseReady(p []byte) (got properties, err error) {
	for len(p) > 0 {
		n := int(p[0])
		if n == 0 || len(p) < 1+n+4 {
			return properties{}, errors.New("malformed READY")
		}
		name := string(p[1 : 1+n])
		p = p[1+n:]
		size := binary.BigEndian.Uint32(p)
		if p = p[4:]; uint64(size) > uint64(len(p)) {
			return properties{}, errors.New("malformed READY")
		}
		switch {
		case strings.EqualFold(name, propSocketType):
			got.socketType = string(p[:size])
		case strings.EqualFold(name, propHermes):
			got.hermes = string(p[:min(size, maxVersion)])
		case strings.EqualFold(name, propOffice):
			got.office = string(p[:min(size, maxOffice)])
		case strings.EqualFold(name, propInstance):
			got.instance = printableReason(p[:min(size, maxInstance)])
		case strings.EqualFold(name, propSince):
			got.since = string(p[:min(size, maxSince)])
		case strings.EqualFold(name, propHistory):
			got.history = string(p[:min(size, maxVersion)])
		case strings.EqualFold(name, propConfirm):
			got.confirm = string(p[:min(size, maxOffice)])
		}
		p = p[size:]
	}
	return got, nil
}
