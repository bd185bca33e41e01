package curve

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

// Server is what the connections of one socket share. It is safe for concurrent use.
type Server struct {
	pair    *Pair
	clients *Clients
}

// NewServer makes a server with its permanent keys, which accepts these clients.
func NewServer(pair *Pair, clients *Clients) *Server {
	return &Server{pair: pair, clients: clients}
}

// ServerSide is the server's part of one handshake. Until INITIATE is valid it has no keys of
// the connection: they are in the cookie, which the client keeps.
//
// Each handshake has a cookie key of its own: a cookie of another connection cannot be opened
// with it, so that a recorded INITIATE, and what follows it, cannot be replayed. It is wiped
// then, and by End: with it, a cookie that was recorded shows the keys of its connection.
type ServerSide struct {
	s        *Server
	metadata []byte
	stage    stage
	cookie   sharedKey // the cookie key
	last     uint64    // nonce of the client
	keys     *Keys
}

// Accept begins the handshake of a connection. metadata is what the server says of itself.
func (s *Server) Accept(metadata []byte) *ServerSide {
	return &ServerSide{s: s, metadata: metadata, stage: awaitHello}
}

// Receive takes a command of the client.
func (x *ServerSide) Receive(name string, data []byte) (step Step, err error) {
	was := x.stage
	x.stage = failed
	switch {
	case name == nameError && was < finished:
		return step, &Error{Cause: CauseRefused, Text: "the client gave up"}
	case name == nameHello && was == awaitHello:
		step.Answer, err = x.hello(data)
		x.stage = awaitInitiate
	case name == nameInitiate && was == awaitInitiate:
		step.Answer, step.Metadata, err = x.initiate(data)
		step.Done = err == nil
		x.stage = finished
		x.End()
	default:
		err = protocolError("the client sent %.20q out of order", name)
	}
	if err != nil {
		x.stage = failed
	}
	return step, err
}

// hello checks that the client knows S, and makes a WELCOME.
func (x *ServerSide) hello(data []byte) (welcome []byte, err error) {
	if len(data) != helloSize {
		return nil, protocolError("a HELLO of %d bytes", len(data))
	}
	if data[0] != 1 || data[1] != 0 {
		return nil, protocolError("the client speaks CurveZMQ %d.%d; 1.0 is understood", data[0], data[1])
	}
	data = data[versionSize+paddingSize:]
	client := Public(data[:KeySize])
	x.last = binary.BigEndian.Uint64(data[KeySize:])
	key, err := share(x.s.pair, &client)
	if err != nil {
		return nil, protocolError("the client's key for this connection is not a valid one")
	}
	defer clear(key[:])
	n := shortNonce("CurveZMQHELLO---", x.last)
	zeros, ok := open(data[KeySize+shortSize:], &n, &key)
	if !ok || subtle.ConstantTimeCompare(zeros, make([]byte, zerosSize)) != 1 {
		return nil, &Error{Cause: CauseServerKey, Text: "the client expects another key than this server's", Tell: ReasonServerKey}
	}
	return x.welcome(&client, &key)
}

func (x *ServerSide) welcome(client *Public, key *sharedKey) (welcome []byte, err error) {
	fresh, err := Generate()
	if err != nil {
		return nil, err
	}
	defer fresh.Wipe()
	wn, err := randomNonce("WELCOME-")
	if err != nil {
		return nil, err
	}
	cn, err := randomNonce("COOKIE--")
	if err != nil {
		return nil, err
	}
	if _, err := rand.Read(x.cookie[:]); err != nil {
		return nil, err
	}
	plain := append(make([]byte, 0, KeySize+cookieSize), fresh.Public[:]...)
	plain = append(plain, cn[nonceSize-longSize:]...)
	kept := append(append(make([]byte, 0, 2*KeySize), client[:]...), fresh.secret.b[:]...)
	defer clear(kept)
	plain = seal(plain, kept, &cn, &x.cookie)

	welcome = append(command(nameWelcome, welcomeSize), wn[nonceSize-longSize:]...)
	return seal(welcome, plain, &wn, key), nil
}

var errInitiate = errors.New("an INITIATE that does not belong to this connection")

// initiate gets the keys of the connection back from the cookie, authenticates the client and
// makes a READY.
func (x *ServerSide) initiate(data []byte) (ready, metadata []byte, err error) {
	if len(data) < initiateLeast {
		return nil, nil, protocolError("an INITIATE of %d bytes", len(data))
	}
	cn := longNonce("COOKIE--", data[:longSize])
	cookie, ok := open(data[longSize:cookieSize], &cn, &x.cookie)
	if !ok {
		return nil, nil, protocolError("%v", errInitiate)
	}
	defer clear(cookie)
	client := Public(cookie[:KeySize])
	fresh, err := Secret{[KeySize]byte(cookie[KeySize:])}.Pair()
	if err != nil {
		return nil, nil, err
	}
	defer fresh.Wipe()
	session, err := share(fresh, &client)
	if err != nil {
		return nil, nil, protocolError("%v", errInitiate)
	}
	defer clear(session[:])
	number := binary.BigEndian.Uint64(data[cookieSize:])
	n := shortNonce("CurveZMQINITIATE", number)
	plain, ok := open(data[cookieSize+shortSize:], &n, &session)
	if !ok || number <= x.last {
		return nil, nil, protocolError("%v", errInitiate)
	}
	permanent, vouch := Public(plain[:KeySize]), plain[KeySize:KeySize+vouchSize]
	if err := x.checkVouch(&permanent, &client, fresh, vouch); err != nil {
		return nil, nil, err
	}
	if !x.s.clients.Allow(permanent) {
		return nil, nil, unknownKey(permanent)
	}
	x.keys = &Keys{Peer: permanent, Out: newSealer(messageOfServer, &session, 2), In: newOpener(messageOfClient, &session, number)}
	ready = binary.BigEndian.AppendUint64(command(nameReady, readyLeast+len(x.metadata)), 1)
	rn := shortNonce("CurveZMQREADY---", 1)
	return seal(ready, x.metadata, &rn, &session), plain[KeySize+vouchSize:], nil
}

// checkVouch checks that the owner of the permanent key has made the client's key for this
// connection, for this server.
func (x *ServerSide) checkVouch(permanent, client *Public, fresh *Pair, vouch []byte) error {
	key, err := share(fresh, permanent)
	if err != nil {
		return protocolError("the client's key is not a valid one")
	}
	defer clear(key[:])
	n := longNonce("VOUCH---", vouch[:longSize])
	plain, ok := open(vouch[longSize:], &n, &key)
	if !ok || Public(plain[:KeySize]) != *client || Public(plain[KeySize:]) != x.s.pair.Public {
		return protocolError("the client does not own the key %s", permanent)
	}
	return nil
}

func unknownKey(p Public) *Error {
	return &Error{Cause: CauseClientKey, Text: fmt.Sprintf("key %s is not known", p), Tell: ReasonUnknownKey}
}

// Keys are those of the connection, after a Step that is Done.
func (x *ServerSide) Keys() *Keys { return x.keys }

// End wipes what only the handshake needs, once that has succeeded or failed. Keys stay.
func (x *ServerSide) End() { clear(x.cookie[:]) }
