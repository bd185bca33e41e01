package curve

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// handshake is both ends, with the commands that have passed.
type handshake struct {
	client                   *Client
	server                   *ServerSide
	hello, welcome, initiate []byte
}

func newServer(t testing.TB, clients string) *Server {
	t.Helper()
	set, err := ParseClients(clients)
	require.NoError(t, err)
	return NewServer(manualPair(t, manualServerSecret), set)
}

func newHandshake(t testing.TB, s *Server) *handshake {
	t.Helper()
	return &handshake{
		client: NewClient(manualPair(t, manualClientSecret), manualPair(t, manualServerSecret).Public, []byte("of the client")),
		server: s.Accept([]byte("of the server")),
	}
}

// data is what follows the name in the body of a command.
func data(body []byte) (name string, rest []byte) {
	return string(body[1 : 1+body[0]]), bytes.Clone(body[1+body[0]:])
}

// upTo runs the handshake until the server waits for INITIATE.
func (h *handshake) upTo(t testing.TB) *handshake {
	t.Helper()
	var err error
	h.hello, err = h.client.Hello()
	require.NoError(t, err)
	step, err := h.server.Receive(data(h.hello))
	require.NoError(t, err)
	require.False(t, step.Done)
	h.welcome = step.Answer
	step, err = h.client.Receive(data(h.welcome))
	require.NoError(t, err)
	require.False(t, step.Done)
	h.initiate = step.Answer
	return h
}

func TestBothEndsLearnOfEachOther(t *testing.T) {
	h := newHandshake(t, newServer(t, manualClient)).upTo(t)
	step, err := h.server.Receive(data(h.initiate))
	require.NoError(t, err)
	require.True(t, step.Done)
	require.Equal(t, "of the client", string(step.Metadata))
	require.Equal(t, manualClient, h.server.Keys().Peer.String())
	step, err = h.client.Receive(data(step.Answer))
	require.NoError(t, err)
	require.True(t, step.Done)
	require.Equal(t, "of the server", string(step.Metadata))
	require.Equal(t, manualServer, h.client.Keys().Peer.String())

	for range 3 {
		there, _ := split(t, h.client.Keys().Out.Append(nil, flagMore, []byte("there")))
		flags, body, err := h.server.Keys().In.Open(there)
		require.NoError(t, err)
		require.Equal(t, "there", string(body))
		require.EqualValues(t, flagMore, flags)
		back, _ := split(t, h.server.Keys().Out.Append(nil, 0, []byte("back")))
		_, body, err = h.client.Keys().In.Open(back)
		require.NoError(t, err)
		require.Equal(t, "back", string(body))
	}
}

func TestServerKeepsOnlyTheKeyOfTheCookieBeforeInitiate(t *testing.T) {
	s := newServer(t, manualClient)
	h := newHandshake(t, s).upTo(t)
	h.server = &ServerSide{s: s, cookie: h.server.cookie, stage: awaitInitiate}
	step, err := h.server.Receive(data(h.initiate))
	require.NoError(t, err)
	require.True(t, step.Done)
}

// Who takes everything from the memory of a server later finds nothing that opens the cookie, in
// which the keys of a recorded connection are.
func TestNoKeyOpensTheCookieAfterTheHandshake(t *testing.T) {
	s := newServer(t, manualClient)
	for _, change := range []byte{0, 1} {
		h := newHandshake(t, s).upTo(t)
		require.NotZero(t, h.server.cookie)
		name, initiate := data(h.initiate)
		initiate[len(initiate)-1] ^= change
		_, err := h.server.Receive(name, initiate)
		require.Equal(t, change == 1, err != nil)
		require.Zero(t, h.server.cookie, "it is forgotten, whether the handshake succeeds or fails")
	}
}

func TestRecordedHandshakesCannotBeReplayed(t *testing.T) {
	s := newServer(t, AnyClient)
	h := newHandshake(t, s).upTo(t)
	again := s.Accept(nil)
	_, err := again.Receive(data(h.hello))
	require.NoError(t, err)
	_, err = again.Receive(data(h.initiate))
	require.ErrorContains(t, err, errInitiate.Error())
}

func TestInitiateOfAnotherConnectionIsRefused(t *testing.T) {
	s := newServer(t, AnyClient)
	h := newHandshake(t, s).upTo(t)
	other := newHandshake(t, s).upTo(t)
	_, err := other.server.Receive(data(h.initiate))
	require.ErrorContains(t, err, errInitiate.Error())
}

func TestUnknownClientsAreToldSo(t *testing.T) {
	h := newHandshake(t, newServer(t, manualServer)).upTo(t)
	_, err := h.server.Receive(data(h.initiate))
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, CauseClientKey, refused.Cause)
	require.Equal(t, "key "+manualClient+" is not known", refused.Text)
	require.Equal(t, "key is not known", refused.Tell, "an ERROR can be read on the way; the key is not told there")
	_, err = h.client.Receive(nameError, append([]byte{byte(len(refused.Tell))}, refused.Tell...))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, CauseClientKey, refused.Cause)
	require.Equal(t, "key "+manualClient+" is not known", refused.Text)
}

func TestClientsOfAnotherServerAreToldSo(t *testing.T) {
	s := newServer(t, AnyClient)
	c := NewClient(manualPair(t, manualClientSecret), manualPair(t, manualClientSecret).Public, nil)
	hello, err := c.Hello()
	require.NoError(t, err)
	_, err = s.Accept(nil).Receive(data(hello))
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, CauseServerKey, refused.Cause)
	_, err = c.Receive(nameError, append([]byte{byte(len(refused.Tell))}, refused.Tell...))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, CauseServerKey, refused.Cause)
	require.Equal(t, ReasonServerKey, refused.Text)
}

func TestKeysOfLowOrderAreRefused(t *testing.T) {
	s := newServer(t, AnyClient)
	hello := make([]byte, helloSize)
	hello[0] = 1
	_, err := s.Accept(nil).Receive(nameHello, hello)
	require.Error(t, err)
	c := NewClient(manualPair(t, manualClientSecret), Public{}, nil)
	_, err = c.Hello()
	require.Error(t, err)
}

func TestCommandsOutOfOrderEndTheHandshake(t *testing.T) {
	s := newServer(t, AnyClient)
	h := newHandshake(t, s).upTo(t)
	name, hello := data(h.hello)
	_, err := h.server.Receive(name, hello) // a second time
	require.Error(t, err)
	_, err = h.server.Receive(data(h.initiate)) // after a failure
	require.Error(t, err)
	_, err = h.client.Receive(data(h.welcome))
	require.Error(t, err)
	_, err = newHandshake(t, s).client.Receive(name, hello)
	require.ErrorContains(t, err, "so is this end")
}

// changes calls try with each of a command's bits changed, and with it cut and extended.
func changes(body []byte, try func(data []byte)) {
	_, whole := data(body)
	for bit := range 8 * len(whole) {
		changed := bytes.Clone(whole)
		changed[bit/8] ^= 1 << (bit % 8)
		try(changed)
	}
	for n := range whole {
		try(bytes.Clone(whole[:n]))
	}
	try(append(bytes.Clone(whole), 0))
}

func TestChangedCommandsAreRefused(t *testing.T) {
	s := newServer(t, AnyClient)
	h := newHandshake(t, s).upTo(t)
	padding := h.hello[1+len(nameHello)+versionSize:][:paddingSize]
	copy(padding, bytes.Repeat([]byte{1}, paddingSize)) // which is not looked at
	changes(h.initiate, func(data []byte) {
		side := &ServerSide{s: s, cookie: h.server.cookie, stage: awaitInitiate}
		_, err := side.Receive(nameInitiate, data)
		require.Error(t, err)
		require.Nil(t, side.Keys())
	})
	changes(h.welcome, func(data []byte) {
		c := *h.client
		c.stage = awaitWelcome
		_, err := c.Receive(nameWelcome, data)
		require.Error(t, err)
	})
	step, err := h.server.Receive(data(h.initiate))
	require.NoError(t, err)
	changes(step.Answer, func(data []byte) {
		c := *h.client
		_, err := c.Receive(nameReady, data)
		require.Error(t, err)
	})
}

func FuzzServerRefusesAnyCommand(f *testing.F) {
	s := newServer(f, AnyClient)
	f.Add(true, make([]byte, helloSize))
	f.Add(false, make([]byte, initiateLeast))
	f.Fuzz(func(t *testing.T, first bool, p []byte) {
		side, name := s.Accept(nil), nameHello
		if !first {
			side.stage, name = awaitInitiate, nameInitiate
		}
		if step, err := side.Receive(name, p); err == nil && (step.Done || !first) {
			t.Fatal("a forged command was accepted")
		}
	})
}

// BenchmarkServer is what one handshake costs a server. Times limit.handshakes.rate, it is what clients
// without a valid key can take of its time.
func BenchmarkServer(b *testing.B) {
	s := newServer(b, manualClient)
	spent := time.Duration(0)
	for b.Loop() {
		h := newHandshake(b, s)
		hello, err := h.client.Hello()
		require.NoError(b, err)
		name, rest := data(hello)
		began := time.Now()
		welcome, err := h.server.Receive(name, rest)
		spent += time.Since(began)
		require.NoError(b, err)
		initiate, err := h.client.Receive(data(welcome.Answer))
		require.NoError(b, err)
		name, rest = data(initiate.Answer)
		began = time.Now()
		_, err = h.server.Receive(name, rest)
		spent += time.Since(began)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "server-µs/op")
}

func TestTheEndOfAHandshakeWipesAllButTheKeysOfTheConnection(t *testing.T) {
	h := newHandshake(t, newServer(t, manualClient)).upTo(t)
	fresh := h.client.fresh
	step, err := h.server.Receive(data(h.initiate))
	require.NoError(t, err)
	_, err = h.client.Receive(data(step.Answer))
	require.NoError(t, err)
	h.client.End()
	h.server.End()
	require.Equal(t, Secret{}, fresh.secret)
	require.Zero(t, h.client.hello)
	require.Zero(t, h.client.session)
	require.Zero(t, h.server.cookie)
	message := h.client.Keys().Out.Append(nil, 0, []byte("goes on"))
	_, body, err := h.server.Keys().In.Open(message[shortHeader:])
	require.NoError(t, err)
	require.Equal(t, "goes on", string(body))
}
