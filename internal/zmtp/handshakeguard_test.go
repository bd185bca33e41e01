package zmtp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func newGuard(ctx context.Context, most, rate int) *handshakeGuard {
	g := &handshakeGuard{}
	g.init(ctx, &carrier.Config{HandshakeTimeout: 2 * time.Second, Limits: carrier.Limits{Handshakes: most, HandshakeRate: rate}})
	return g
}

// oneHandshake lets one of each kind be under way, as long as it likes.
func oneHandshake(c *carrier.Config) { c.Limits.Handshakes, c.HandshakeTimeout = 1, time.Hour }

// setPatience sets how long handshakes may wait for their peers while all places are taken.
func setPatience(s *socket, patience time.Duration) {
	for _, p := range []*handshakePlaces{&s.guard.curve, &s.guard.tls} {
		p.mu.Lock()
		p.patience = patience
		p.mu.Unlock()
	}
}

// places is how many are taken.
func places(p *handshakePlaces) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

func TestSilentPeersDoNotKeepClientsFromAServer(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient),
		oneHandshake)
	for n := range 6 {
		silent := connectRaw(t, o.address())
		if n%2 == 1 {
			silent.send(ownGreeting(&curveClient{}))
			silent.receive(greetingSize)
		}
	}
	client := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), k.asClient())
	client.eventLog.wait(t, carrier.Connected, 1)
}

// sayHello begins a handshake with CURVE.
func sayHello(t *testing.T, k curveKeys, at string) *rawPeer {
	t.Helper()
	p := connectRaw(t, at)
	p.send(ownGreeting(&curveClient{}))
	p.receive(greetingSize)
	body, err := curve.NewClient(k.client, k.server.Public, nil).Hello()
	require.NoError(t, err)
	p.send(appendBody(nil, body))
	return p
}

func TestHandshakesAboveTheLimitAreRefusedAfterTheirHello(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient),
		oneHandshake)
	setPatience(&o.socket, time.Hour)
	_, body := sayHello(t, k, o.address()).receiveFrame()
	require.Contains(t, string(body), "WELCOME")
	second := sayHello(t, k, o.address())
	_, body = second.receiveFrame()
	require.Contains(t, string(body), "option limit.handshakes")
	second.requireHungUp()
}

func TestAPeerThatIsSilentAfterItsHelloMakesRoomForAClient(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient),
		oneHandshake)
	setPatience(&o.socket, 0)
	silent := sayHello(t, k, o.address())
	_, body := silent.receiveFrame()
	require.Contains(t, string(body), "WELCOME")
	testkit.Eventually(t, func() bool { return waitsForPeer(&o.guard.curve) }, "the server waits for it")
	client := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), k.asClient())
	client.eventLog.wait(t, carrier.Connected, 1)
	_, body = silent.receiveFrame()
	require.Equal(t, "\x05ERROR", string(body[:6]))
	require.Contains(t, string(body), errPlaceLost.Error())
	silent.requireHungUp()
	o.eventLog.wait(t, carrier.Connected, 1)
	testkit.Eventually(t, func() bool { return places(&o.guard.curve) == 0 }, "no handshake is under way")
}

// waitsForPeer reports whether a handshake waits for its peer.
func waitsForPeer(p *handshakePlaces) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting.Len() > 0
}

func TestHandshakesASecondAreBounded(t *testing.T) {
	g := newGuard(t.Context(), 1, 100) // two commands each
	start := time.Unix(1000, 0)
	waits := 0
	for n := range 400 {
		pause, err := g.take(start)
		require.NoError(t, err)
		require.Equal(t, n > 200, pause > 0, "command %d waits %v", n, pause)
		if pause > 0 {
			waits++
		}
	}
	require.Equal(t, 199, waits)
	refused := 0
	for range 1000 {
		if _, err := g.take(start); err != nil {
			require.ErrorContains(t, err, "option limit.handshakes.rate")
			refused++
		}
	}
	require.Equal(t, 799, refused, "those are refused whose turn would come after the handshake timeout")
	_, err := g.take(start.Add(time.Second))
	require.NoError(t, err)
}

func TestWaitingForATurnEndsWithTheSocket(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := newGuard(ctx, 1, 1)
	g.turn = time.Now().Add(time.Second)
	cancel()
	require.ErrorIs(t, g.pace(), errClosing)
}

func TestManyFailuresSlowHandshakesAndConnectionsDown(t *testing.T) {
	g := newGuard(t.Context(), 1, 100)
	start := time.Unix(1000, 0)
	for range 100 {
		require.Zero(t, g.takeAccept(start))
		g.failed(start)
	}
	require.Zero(t, g.takeAccept(start), "a second's worth is no attack")
	g.failed(start)
	for n := range 10 {
		require.Equal(t, time.Duration(n+1)*20*time.Millisecond, g.takeAccept(start), "at half of the rate of handshakes")
	}
	turns := func(at time.Time) (last time.Duration) {
		g.turn = at
		for range 101 {
			pause, err := g.take(at)
			require.NoError(t, err)
			last = pause
		}
		return last
	}
	require.Equal(t, 4*500*time.Millisecond, turns(start))
	for range 10_000 {
		g.failed(start)
	}
	require.Equal(t, 4*500*time.Millisecond, turns(start.Add(attackFrom-1)))
	over := start.Add(attackFrom)
	require.Zero(t, g.takeAccept(over), "an attack is over soon")
	require.Equal(t, 500*time.Millisecond, turns(over))
}

func TestFailedHandshakesAtBoundAddressesAreNoted(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	for range 3 {
		p := connectRaw(t, o.address())
		p.send([]byte("no greeting of ZMTP, but long enough to be seen as none at all, by all means"))
		p.requireHungUp()
	}
	o.eventLog.wait(t, carrier.HandshakeFailed, 3)
	o.guard.mu.Lock()
	defer o.guard.mu.Unlock()
	require.NotZero(t, o.guard.forget)
}
