package policy

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/safe"
)

// Live is the policy of a running component. It is read again when its files change, and when Reload
// is called. All methods may be called from any goroutine, and from the functions that are given to
// Open and Subscribe.
//
// Locks: loading is held while files are read, mu while fields are read or written; loading is taken
// first. Functions of others are called without either.
type Live struct {
	path   string
	report func(Report)
	policy atomic.Pointer[Policy]
	watch  *watcher

	loading sync.Mutex

	mu       sync.Mutex
	files    []string // of keys that the text named when it was read last, whether it was right or not
	next     int      // the number of the next subscriber
	told     map[int]func(*Policy)
	changes  int  // how often the policy has changed
	telling  bool // a goroutine is calling the subscribers
	isClosed bool
}

// Report tells that a policy was read again, or what has failed.
type Report struct {
	Err  error // nil: there is a new policy
	text string
}

// String is the report for people.
func (r Report) String() string { return r.text }

// failed is the report of an error, and what follows from it.
func failed(what string, err error) Report {
	return Report{Err: err, text: fmt.Sprintf("%s: %v", what, err)}
}

// errClosed is the error of Reload after Close.
var errClosed = errors.New("the policy is closed: it is not read again")

// Open reads a policy file and begins to watch it. report is called each time it was read again, or
// could not be, by the goroutine that has read it; it may be nil.
func Open(path string, report func(Report)) (*Live, error) {
	absolute, err := filepath.Abs(path) // the program may change its directory
	if err != nil {
		return nil, fmt.Errorf("cannot find the policy: %w", err)
	}
	l := &Live{path: absolute, report: report, told: map[int]func(*Policy){}}
	l.watch = newWatcher(func() { _ = l.Reload() }) // the error is reported
	if _, err = l.exchange(); err != nil {
		l.watch.close()
		return nil, err
	}
	l.watch.start(func(err error) { l.tellReport(failed("the policy is not watched any more", err)) })
	return l, nil
}

// Policy is the policy as it was read last without an error. It is never nil.
func (l *Live) Policy() *Policy { return l.policy.Load() }

// Subscribe has f called with the new policy after every change. Calls come one at a time; where
// changes follow each other quickly, the last one does. After cancel no call begins; one may still run.
func (l *Live) Subscribe(f func(*Policy)) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.next
	l.next++
	l.told[number] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.told, number)
	}
}

// Reload reads the policy again. An error leaves it as it was. When Reload returns, the subscribers
// have been called, unless another goroutine is about to call them.
func (l *Live) Reload() error {
	if l.closed() {
		return errClosed
	}
	p, err := l.exchange()
	if l.closed() { // meanwhile: there is nothing to report any more
		return errClosed
	}
	if err != nil {
		l.tellReport(failed("the policy stays as it was", err))
		return err
	}
	l.tellReport(Report{text: fmt.Sprintf("%s was read again; users: %d", p.name, len(p.users))})
	l.tell()
	return nil
}

func (l *Live) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isClosed
}

func (l *Live) tellReport(r Report) {
	if l.report != nil {
		l.report(r)
	}
}

// exchange puts the policy as its files are now in the place of the old one. Where the text names other
// files of keys than before, it is read once more, so that no change of these is missed.
func (l *Live) exchange() (*Policy, error) {
	l.loading.Lock()
	defer l.loading.Unlock()
	var p *Policy
	var err error
	for range 3 {
		before := l.paths()
		l.watch.read(before)
		if p, err = l.load(); slices.Equal(before, l.paths()) {
			break
		}
	}
	if err == nil {
		l.policy.Store(p)
	}
	return p, err
}

// load reads the files.
func (l *Live) load() (p *Policy, err error) {
	var files []string
	safe.Do(func(panicked error) { err = panicked }, func() { p, files, err = load(l.path) })
	if files != nil || err == nil {
		l.mu.Lock()
		l.files = files
		l.mu.Unlock()
	}
	return p, err
}

// paths are the files and directories that matter.
func (l *Live) paths() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{l.path}, l.files...)
}

// tell calls the subscribers, unless a goroutine does that already: that one then does it once more.
func (l *Live) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	if l.telling {
		return
	}
	l.telling = true
	for done := 0; done != l.changes; {
		done = l.changes
		p := l.policy.Load()
		for _, number := range slices.Sorted(maps.Keys(l.told)) {
			if f := l.told[number]; f != nil && !l.isClosed {
				l.mu.Unlock()
				safe.Do(func(err error) { l.tellReport(failed("the new policy is not in force everywhere", err)) }, func() { f(p) })
				l.mu.Lock()
			}
		}
	}
	l.telling = false
}

// Close ends watching. No call of a subscriber begins after it; the policy stays.
func (l *Live) Close() {
	l.mu.Lock()
	l.isClosed = true
	l.mu.Unlock()
	l.watch.close()
}
