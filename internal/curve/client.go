package curve

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The names of the commands of the handshake.
const (
	nameHello    = "HELLO"
	nameWelcome  = "WELCOME"
	nameInitiate = "INITIATE"
	nameReady    = "READY"
	nameError    = "ERROR"
)

// The data of the commands, behind their names:
//
//	HELLO     2 bytes version, 72 zeros, C', 8 bytes nonce, 80 bytes box of 64 zeros
//	WELCOME   16 bytes nonce, 144 bytes box: S', cookie
//	INITIATE  cookie, 8 bytes nonce, box: C, vouch, metadata
//	READY     8 bytes nonce, box: metadata
//
//	cookie    16 bytes nonce, 80 bytes box: C', s'
//	vouch     16 bytes nonce, 80 bytes box: C', S
const (
	versionSize   = 2
	paddingSize   = 72
	zerosSize     = 64
	helloSize     = versionSize + paddingSize + KeySize + shortSize + tagSize + zerosSize
	cookieSize    = longSize + tagSize + 2*KeySize
	vouchSize     = longSize + tagSize + 2*KeySize
	welcomeSize   = longSize + tagSize + KeySize + cookieSize
	initiateLeast = cookieSize + shortSize + tagSize + KeySize + vouchSize
	readyLeast    = shortSize + tagSize
)

// Client is the client's part of one handshake. Its zero value is not usable; see NewClient.
type Client struct {
	pair     *Pair
	server   Public
	metadata []byte

	fresh   *Pair // C' and c'
	hello   sharedKey
	session sharedKey
	stage   stage
	keys    Keys
}

// stage is which command an end waits for.
type stage uint8

const (
	awaitHello stage = iota
	awaitWelcome
	awaitInitiate
	awaitReady
	finished
	failed
)

// NewClient begins the handshake with the server of a key. metadata is what the client says
// of itself.
func NewClient(pair *Pair, server Public, metadata []byte) *Client {
	return &Client{pair: pair, server: server, metadata: metadata, stage: awaitWelcome}
}

// Hello is the body of the first command.
func (c *Client) Hello() (body []byte, err error) {
	if c.fresh, err = Generate(); err != nil {
		return nil, err
	}
	if c.hello, err = share(c.fresh, &c.server); err != nil {
		return nil, &Error{Cause: CauseServerKey, Text: "the server's key is not a valid one"}
	}
	body = command(nameHello, helloSize)
	body = append(body, 1, 0)
	body = append(body, make([]byte, paddingSize)...)
	body = append(body, c.fresh.Public[:]...)
	body = binary.BigEndian.AppendUint64(body, 1)
	n := shortNonce("CurveZMQHELLO---", 1)
	return seal(body, make([]byte, zerosSize), &n, &c.hello), nil
}

// command begins the body of a command with room for size bytes of data.
func command(name string, size int) []byte {
	return append(append(make([]byte, 0, 1+len(name)+size), byte(len(name))), name...)
}

// Receive takes a command of the server.
func (c *Client) Receive(name string, data []byte) (step Step, err error) {
	was := c.stage
	c.stage = failed
	switch {
	case name == nameError && was < finished:
		return step, c.refused(data)
	case name == nameWelcome && was == awaitWelcome:
		step.Answer, err = c.welcome(data)
		c.stage = awaitReady
	case name == nameReady && was == awaitReady:
		step.Metadata, err = c.ready(data)
		step.Done = err == nil
		c.stage = finished
	case name == nameHello:
		err = &Error{Cause: CauseProtocol, Text: "the peer is a CURVE client, and so is this end",
			Tell: "both ends are CURVE clients: one has to be the server"}
	default:
		err = protocolError("the server sent %.20q out of order", name)
	}
	if err != nil {
		c.stage = failed
	}
	return step, err
}

func (c *Client) welcome(data []byte) (initiate []byte, err error) {
	if len(data) != welcomeSize {
		return nil, protocolError("a WELCOME of %d bytes", len(data))
	}
	n := longNonce("WELCOME-", data[:longSize])
	plain, ok := open(data[longSize:], &n, &c.hello)
	if !ok {
		return nil, &Error{Cause: CauseServerKey, Text: ReasonServerKey}
	}
	session, cookie := Public(plain[:KeySize]), plain[KeySize:]
	if c.session, err = share(c.fresh, &session); err != nil {
		return nil, protocolError("the server's key for this connection is not a valid one")
	}
	vouched, err := share(c.pair, &session)
	if err != nil {
		return nil, protocolError("the server's key for this connection is not a valid one")
	}
	vn, err := randomNonce("VOUCH---")
	if err != nil {
		return nil, err
	}
	plain = append(append(make([]byte, 0, KeySize+vouchSize+len(c.metadata)), c.pair.Public[:]...), vn[nonceSize-longSize:]...)
	plain = seal(plain, append(c.fresh.Public[:], c.server[:]...), &vn, &vouched)
	clear(vouched[:])
	plain = append(plain, c.metadata...)

	initiate = command(nameInitiate, initiateLeast+len(c.metadata))
	initiate = append(initiate, cookie...)
	initiate = binary.BigEndian.AppendUint64(initiate, 2)
	in := shortNonce("CurveZMQINITIATE", 2)
	return seal(initiate, plain, &in, &c.session), nil
}

func (c *Client) ready(data []byte) (metadata []byte, err error) {
	if len(data) < readyLeast {
		return nil, protocolError("a READY of %d bytes", len(data))
	}
	number := binary.BigEndian.Uint64(data)
	n := shortNonce("CurveZMQREADY---", number)
	metadata, ok := open(data[shortSize:], &n, &c.session)
	if !ok {
		return nil, protocolError("a READY that is not the server's")
	}
	c.keys = Keys{Peer: c.server, Out: newSealer(messageOfClient, &c.session, 3), In: newOpener(messageOfServer, &c.session, number)}
	return metadata, nil
}

// Keys are those of the connection, after a Step that is Done.
func (c *Client) Keys() *Keys { return &c.keys }

// End wipes what only the handshake needs, once that has succeeded or failed. Keys stay.
func (c *Client) End() {
	c.fresh.Wipe()
	c.fresh = nil
	clear(c.hello[:])
	clear(c.session[:])
}

// What a server of this package says in its ERROR.
const (
	ReasonServerKey  = "the server's key is not the one expected"
	ReasonUnknownKey = "key is not known" // not which: an ERROR is not encrypted, and the client knows
)

// What package access has a server say to a client whose user has no rights.
const (
	reasonNoPublisher = "key may not publish anything"
	reasonNoReceiver  = "key may not subscribe to anything"
)

// refused sorts the reason that the server gives in its ERROR: one of this package's, or the
// status code of ZAP (RFC 27) with which libzmq refuses a client.
func (c *Client) refused(data []byte) error {
	reason := ""
	if len(data) > 0 {
		reason = string(data[1 : 1+min(int(data[0]), len(data)-1)])
	}
	switch {
	case reason == ReasonServerKey:
		return &Error{Cause: CauseServerKey, Text: ReasonServerKey}
	case reason == "400":
		return &Error{Cause: CauseClientKey, Text: fmt.Sprintf("key %s is not known (status 400)", c.pair.Public)}
	case reason == ReasonUnknownKey:
		return &Error{Cause: CauseClientKey, Text: fmt.Sprintf("key %s is not known", c.pair.Public)}
	case reason == reasonNoPublisher, reason == reasonNoReceiver:
		return &Error{Cause: CauseClientKey, Text: strings.Replace(reason, "key", "key "+c.pair.Public.String(), 1)}
	case reason == "":
		reason = "no reason given"
	}
	return &Error{Cause: CauseRefused, Text: fmt.Sprintf("%q", reason)}
}
