// Package supervisor speaks with the program that runs a service, as systemd does: it tells it when
// the service is ready, what it does and that it is alive (sd_notify(3)), and takes the sockets that
// it holds for the service (sd_listen_fds(3)). Without such a program nothing is told, and there are
// no sockets.
//
//	NOTIFY_SOCKET                           where to tell it
//	WATCHDOG_USEC, WATCHDOG_PID             how often it wants to hear that the service is alive
//	LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES  the sockets
//
// What is told is told at once and without waiting; a supervisor that is gone is no error.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Wanted reports whether there is a supervisor that wants to be told anything.
func Wanted() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Ready tells that the service does its work, after a start or a reload.
func Ready(status string) { tell(daemon.SdNotifyReady, "STATUS="+oneLine(status)) }

// Reloading tells that the service reads its configuration; Ready ends it. The time is there for units of
// Type=notify-reload, and has to be that of CLOCK_MONOTONIC.
func Reloading() {
	if now, ok := monotonic(); ok {
		tell(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Microseconds()))
	}
}

// Stopping tells that the service ends.
func Stopping(status string) { tell(daemon.SdNotifyStopping, "STATUS="+oneLine(status)) }

// Status tells what the service does, in one line.
func Status(text string) { tell("STATUS=" + oneLine(text)) }

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

func tell(lines ...string) { _, _ = daemon.SdNotify(false, strings.Join(lines, "\n")) }

// firstSocket is the descriptor of the first socket that is passed, SD_LISTEN_FDS_START.
const firstSocket = 3

// passed keeps the sockets from being closed with the files that stand for them.
var passed []*os.File

// Sockets are the descriptors that the supervisor has passed, by their names. The environment says nothing
// of them any more. It is called once.
func Sockets() map[string][]int {
	passed = activation.Files(true)
	if len(passed) == 0 {
		return nil
	}
	named := map[string][]int{}
	for i, file := range passed {
		named[file.Name()] = append(named[file.Name()], firstSocket+i)
	}
	return named
}

// ErrSlow is the error of a check that does not end in time.
var ErrSlow = errors.New("the check of its health does not end")

// Watchdog tells the supervisor that the service is alive, until ctx is done: twice in the time after which it
// kills a service that says nothing, and only if check has said so since the last time. Failed is called with
// what check finds wrong. It returns at once if nothing is to be told.
func Watchdog(ctx context.Context, check func(context.Context) error, failed func(error)) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 || !Wanted() {
		return
	}
	watch(ctx, interval/2, check, failed, func() { tell(daemon.SdNotifyWatchdog) })
}

// watch calls alive in intervals in which check finds nothing wrong. A check that hangs is not begun
// again, and nothing is told meanwhile.
func watch(ctx context.Context, interval time.Duration, check func(context.Context) error, failed func(error), alive func()) {
	var running sync.Mutex // held while a check runs
	next := time.NewTicker(interval)
	defer next.Stop()
	for {
		ended := make(chan error, 1)
		if running.TryLock() {
			go func() {
				defer running.Unlock()
				within, cancel := context.WithTimeout(ctx, interval*3/4)
				defer cancel()
				ended <- check(within)
			}()
		}
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				alive()
			} else {
				failed(err)
			}
			select {
			case <-next.C:
			case <-ctx.Done():
				return
			}
		case <-next.C:
			failed(ErrSlow)
		case <-ctx.Done():
			return
		}
	}
}
