package zmtp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// turnsOfTLS is how many commands of CURVE a handshake of TLS counts for: as many as one of CURVE has.
const turnsOfTLS = 2

// What an attack is, and what it means.
const (
	slowdown     = 4 // of turns
	slowAccepts  = 2
	slowFailures = 5               // turns after which a failure is forgotten
	attackFrom   = 5 * time.Second // that forget is away: 250 failures, with the default rate
	attackMost   = 2 * attackFrom  // at which forget stays, so that an attack is over soon
)

// handshakeGuard bounds what handshakes of CURVE and TLS cost a server, whose answers take much more
// time than the questions: how many of each are under way at once (handshakeplaces.go), and how many
// of their commands are answered a second. Above the rate commands wait for their turn; a burst of a second's worth
// does not.
//
// Where very many handshakes fail, of whatever kind, the socket is under attack: turns take slowdown
// times as long, and connections are accepted at half of the rate of handshakes at most, so that those that
// exist keep the processors. The others wait in the queue of the kernel. That lasts while
// more than a fifth of the rate fails.
type handshakeGuard struct {
	ctx   context.Context // ends when the socket is closed
	curve handshakePlaces
	tls   handshakePlaces
	every time.Duration // between two commands
	rate  int
	wait  time.Duration // how long a command may wait

	mu     sync.Mutex
	turn   time.Time // when the next command is due
	forget time.Time // when all failures will be forgotten, each after slowFailures turns of a handshake
	accept time.Time // when the next connection is accepted, under attack
}

func (g *handshakeGuard) init(ctx context.Context, cfg *carrier.Config) {
	g.ctx, g.rate, g.wait = ctx, cfg.Limits.HandshakeRate, cfg.HandshakeTimeout
	for _, p := range []*handshakePlaces{&g.curve, &g.tls} {
		p.most, p.patience = cfg.Limits.Handshakes, patienceWithPeers
	}
	g.every = time.Second / time.Duration(2*g.rate) // HELLO and INITIATE
}

// pace waits until a command may be answered. err says that its turn would come too late.
func (g *handshakeGuard) pace() error {
	pause, err := g.take(time.Now())
	if err != nil {
		return err
	}
	return g.sleep(pause)
}

// paceAccept waits until the next connection may be accepted.
func (g *handshakeGuard) paceAccept() { _ = g.sleep(g.takeAccept(time.Now())) }

// sleep waits, or reports that the socket is closed.
func (g *handshakeGuard) sleep(pause time.Duration) error {
	if pause <= 0 {
		return nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-g.ctx.Done():
		return errClosing
	}
}

// take takes the turn of one command at the time now, and reports how far away it is.
func (g *handshakeGuard) take(now time.Time) (pause time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if earliest := now.Add(-time.Second); g.turn.Before(earliest) {
		g.turn = earliest
	}
	if pause = g.turn.Sub(now); pause > g.wait {
		return 0, fmt.Errorf("refused: there are more than %d handshakes a second (option limit.handshakes.rate)", g.rate)
	}
	step := g.every
	if g.attacked(now) {
		step *= slowdown
	}
	g.turn = g.turn.Add(step)
	return pause, nil
}

// takeAccept is take for a connection: how long to wait before the next one is accepted.
func (g *handshakeGuard) takeAccept(now time.Time) (pause time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.attacked(now) {
		return 0
	}
	if g.accept.Before(now) {
		g.accept = now
	}
	g.accept = g.accept.Add(slowAccepts * 2 * g.every)
	return g.accept.Sub(now)
}

// failed notes at the time now that a handshake has failed.
func (g *handshakeGuard) failed(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.forget.Before(now) {
		g.forget = now
	}
	g.forget = g.forget.Add(slowFailures * 2 * g.every)
	if most := now.Add(attackMost); g.forget.After(most) {
		g.forget = most
	}
}

// attacked reports whether so many handshakes have failed that others are to wait. The caller holds mu.
func (g *handshakeGuard) attacked(now time.Time) bool { return g.forget.Sub(now) > attackFrom }
