package tlsrecord

import (
	"bytes"
	"encoding/hex"
	"errors"
)

// Secrets receives the traffic secrets of one handshake: crypto/tls writes them to
// Config.KeyLogWriter, as lines of the NSS key log format, with a label, the random bytes of the client
// and the secret. No other line is kept.
type Secrets struct{ client, server []byte }

// Write implements io.Writer.
func (s *Secrets) Write(line []byte) (int, error) {
	words := bytes.Fields(line)
	if len(words) != 3 {
		return len(line), nil
	}
	var to *[]byte
	switch string(words[0]) {
	case "CLIENT_TRAFFIC_SECRET_0":
		to = &s.client
	case "SERVER_TRAFFIC_SECRET_0":
		to = &s.server
	default:
		return len(line), nil
	}
	secret := make([]byte, hex.DecodedLen(len(words[2])))
	if _, err := hex.Decode(secret, words[2]); err != nil {
		clear(secret)
		return 0, err
	}
	clear(*to)
	*to = secret
	return len(line), nil
}

var errNoSecrets = errors.New("tls: the handshake has told no traffic secrets")

// Take gives the keys for both directions, once the handshake has finished with a cipher suite. They
// are gone then, and overwritten where that fails.
func (s *Secrets) Take(suite uint16, ofServer bool) (*Opener, *Sealer, error) {
	theirs, ours := s.server, s.client
	if ofServer {
		theirs, ours = ours, theirs
	}
	if theirs == nil || ours == nil {
		s.Wipe()
		return nil, nil, errNoSecrets
	}
	in, err := newKeys(suite, theirs)
	if err != nil {
		s.Wipe()
		return nil, nil, err
	}
	out, err := newKeys(suite, ours)
	if err != nil {
		s.Wipe()
		return nil, nil, err
	}
	*s = Secrets{}
	return &Opener{in}, &Sealer{out}, nil
}

// Wipe overwrites the secrets that have not been taken.
func (s *Secrets) Wipe() {
	clear(s.client)
	clear(s.server)
	*s = Secrets{}
}
