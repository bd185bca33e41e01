package backbone

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// serverLog is the log of the NATS server inside this process, of which only errors matter here: why
// it does not start, and why others do not reach it, which it tells nowhere else. Any goroutine of the
// server calls it; it has no lock.
type serverLog struct {
	fatal chan string       // why the server has given up; room for one
	tell  func(text string) // of an error that it survives
}

var _ server.Logger = serverLog{}

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Warnf(string, ...any)   {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

// Errorf implements server.Logger.
func (l serverLog) Errorf(format string, v ...any) { l.tell(fmt.Sprintf(format, v...)) }

// Fatalf implements server.Logger. A server inside a process does not end it, and is of no use.
func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default: // the first reason is the one that counts
	}
}
