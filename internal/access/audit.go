package access

import (
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// entry is one line of the audit log.
type entry struct {
	Time    string `json:"time"`   // RFC 3339, UTC
	Action  string `json:"action"` // handshake, connect, disconnect, publish, subscribe, reload
	Result  string `json:"result,omitempty"`
	User    string `json:"user,omitempty"`
	Peer    string `json:"peer,omitempty"` // what it has proved to be
	Address string `json:"address,omitempty"`
	Topic   string `json:"topic,omitempty"`
	Origin  string `json:"origin,omitempty"`
	Reason  string `json:"reason,omitempty"` // the rule, as file and line, or an error
	Count   uint64 `json:"count,omitempty"`  // of the same since the last line about it; 1 is left out
}

// auditLog appends JSON lines to a file, each with one write, so that several processes can share
// one. It may be renamed and made anew by a log rotation: reopen follows. mu guards all fields.
type auditLog struct {
	mu     sync.Mutex
	path   string
	file   *os.File
	closed bool
	failed func(error)
	pace   notify.Limiter // of failed
}

func openAudit(path string, failed func(error)) (*auditLog, error) {
	file, err := appendTo(path)
	return &auditLog{path: path, file: file, failed: failed}, err
}

func (l *auditLog) write(e entry) {
	e.Time = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	line, err := wire.Marshal(e)
	if err != nil {
		return // strings and a number have no error
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = l.appendLine(append(line, '\n')); err == nil {
		return
	}
	if _, due := l.pace.PassEvery(notify.WarnEvery, time.Now(), 1); due {
		l.failed(err)
	}
}

// reopen goes on in the file that has the path now.
func (l *auditLog) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	file, err := appendTo(l.path)
	if err != nil {
		l.failed(err)
		return
	}
	_ = l.file.Close()
	l.file = file
}

func (l *auditLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.file.Close()
}
