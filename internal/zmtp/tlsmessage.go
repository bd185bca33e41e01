package zmtp

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// What TLS says to TLS behind the handshake (RFC 8446, 4.6 and 6): alerts, and messages of the
// handshake protocol, of which two are allowed.

// The messages, and what a KeyUpdate demands.
const (
	messageTicket   = 4
	messageUpdate   = 24
	messageHeader   = 4 // bytes: the type, and the size of what follows
	updateSilent    = 0
	updateRequested = 1
)

// Alerts (RFC 8446, 6.2). What comes after alertClose and alertCanceled is no fault.
const (
	alertClose            = 0
	alertUnexpectedNumber = 10
	alertIllegal          = 47
	alertDecode           = 50
	alertCanceled         = 90

	levelWarning = 1
	levelFatal   = 2
)

// maxVain is how many records without data may come one after another.
const maxVain = 16

var errVain = &carrier.Fault{Text: "the peer has sent too many records of TLS in succession that advance nothing"}

// open decrypts a record to dst, as tlsrecord.Open does, and returns the data in it. What TLS itself
// says in it is heard; io.EOF is the end that the peer has announced.
func (t *tlsLayer) open(dst, record []byte) (data []byte, err error) {
	kind, content, err := t.in.Open(dst, record)
	if err != nil {
		return nil, err
	}
	if kind == tlsrecord.Data && len(content) > 0 && len(t.hand) == 0 {
		t.vain = 0
		return content, nil
	}
	if t.vain++; t.vain > maxVain {
		return nil, errVain
	}
	switch {
	case kind == tlsrecord.Handshake && len(content) > 0:
		return nil, t.hearMessages(content)
	case len(t.hand) > 0: // other records do not stand in the middle of a message
	case kind == tlsrecord.Alert && len(content) > 0:
		return nil, t.hearAlert(content)
	case kind == tlsrecord.Data:
		return nil, nil
	}
	return nil, tls.AlertError(alertUnexpectedNumber)
}

func (t *tlsLayer) hearAlert(content []byte) error {
	switch {
	case len(content) != 2:
		return tls.AlertError(alertDecode)
	case content[1] == alertClose:
		t.ended = true
		return io.EOF
	case content[1] == alertCanceled:
		return nil
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(content[1])}
}

// hearMessages hears the complete messages in what has come, and keeps the rest.
func (t *tlsLayer) hearMessages(content []byte) error {
	t.hand = append(t.hand, content...)
	for len(t.hand) >= messageHeader {
		size := int(t.hand[1])<<16 | int(t.hand[2])<<8 | int(t.hand[3])
		if size > tlsrecord.MaxContent {
			return tls.AlertError(alertDecode)
		}
		whole := messageHeader + size
		if len(t.hand) < whole {
			return nil
		}
		kind, body, more := t.hand[0], t.hand[messageHeader:whole], len(t.hand) > whole
		t.hand = t.hand[whole:]
		switch {
		case kind == messageTicket && !t.ofServer: // not used
		case kind == messageUpdate && !more: // what comes next has other keys
			if err := t.hearUpdate(body); err != nil {
				return err
			}
		default:
			return tls.AlertError(alertUnexpectedNumber)
		}
	}
	if len(t.hand) == 0 {
		t.hand = nil
	}
	return nil
}

func (t *tlsLayer) hearUpdate(body []byte) error {
	if len(body) != 1 {
		return tls.AlertError(alertDecode)
	}
	if body[0] > updateRequested {
		return tls.AlertError(alertIllegal)
	}
	if body[0] == updateRequested {
		t.answer.Store(true)
	}
	return t.in.Update()
}

// fault explains an error of the reading side. Where what the peer has sent was wrong, the alert that
// says so is what the connection ends with.
func (t *tlsLayer) fault(c *conn, err error) error {
	var wrong tls.AlertError
	var op *net.OpError
	switch {
	case errors.Is(err, errVain):
		t.failed.Store(alertUnexpectedNumber)
	case errors.As(err, &wrong) && !errors.As(err, &op):
		t.failed.Store(uint32(wrong))
		err = &net.OpError{Op: "local error", Err: wrong}
	}
	return tlsFault(c, err)
}

// renew appends the beginning of new keys, if the peer has demanded them or the old ones have encrypted
// enough. It is called before data is encrypted (RFC 8446, 4.6.3).
func (t *tlsLayer) renew(dst []byte) ([]byte, error) {
	if t.wiped || t.end.Load() == endSent || !t.answer.Swap(false) && !t.out.Due() {
		return dst, nil
	}
	dst = t.out.Append(dst, tlsrecord.Handshake, messageUpdate, 0, 0, 1, updateSilent)
	return dst, t.out.Update()
}

// farewell appends the end, if it is due. Nothing follows it.
func (t *tlsLayer) farewell(dst []byte) []byte {
	if !t.end.CompareAndSwap(endDue, endSent) {
		return dst
	}
	level, alert := byte(levelWarning), byte(t.failed.Load())
	if alert != alertClose {
		level = levelFatal
	}
	return t.out.Append(dst, tlsrecord.Alert, level, alert)
}

// owes reports whether renew or farewell has something to append. Any goroutine may call it.
func (t *tlsLayer) owes() bool {
	end := t.end.Load()
	return end == endDue || end == 0 && t.answer.Load()
}

// finish makes the end due, once. Any goroutine may call it.
func (t *tlsLayer) finish() { t.end.CompareAndSwap(0, endDue) }
