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

// handshakeGuard bounds what handshakes of CURVE and TLS cost a server, whose answers take much more
// time than the questions: how many are under way at once, and how many of their commands are
// answered a second. Above the rate commands wait for their turn; a burst of a second's worth
// does not.
type handshakeGuard struct {
	ctx   context.Context // ends when the socket is closed
	most  int             // under way at once
	every time.Duration   // between two commands
	rate  int
	wait  time.Duration // how long a command may wait

	mu     sync.Mutex
	active int
	turn   time.Time // when the next command is due
}

func (g *handshakeGuard) init(ctx context.Context, cfg *carrier.Config) {
	g.ctx, g.most, g.rate, g.wait = ctx, cfg.Limits.Handshakes, cfg.Limits.HandshakeRate, cfg.HandshakeTimeout
	g.every = time.Second / time.Duration(2*g.rate) // HELLO and INITIATE
}

// enter counts a handshake, which leave ends; err says that there are too many.
func (g *handshakeGuard) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active >= g.most {
		return fmt.Errorf("refused: %d handshakes are under way, which is the limit (option limit.handshakes)", g.most)
	}
	g.active++
	return nil
}

func (g *handshakeGuard) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active--
}

// pace waits until a command may be answered. err says that its turn would come too late.
func (g *handshakeGuard) pace() error {
	pause, err := g.take(time.Now())
	if err != nil || pause <= 0 {
		return err
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
	g.turn = g.turn.Add(g.every)
	return pause, nil
}
