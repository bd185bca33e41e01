package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// Watching files. The kernel tells of changes in the directories in which the files are, for editors
// replace files and volumes of containers replace whole directories. What it tells is only taken as a
// reason to look: whether something has changed is what stat says. So events of other files cost a few
// calls, and no event is needed: files are looked at every slowLook as well, for network file systems
// that tell nothing; and every fastLook where the kernel has no descriptor for us (inotify is limited
// per user).
//
// The descriptor of fsnotify is in the poller of Go's runtime, all of which a forked child closes
// (internal/fds/inherit). It cannot be moved, so it is opened with the standard streams occupied.
const (
	quiet    = 100 * time.Millisecond // after a change: files are written in pieces
	settled  = time.Second            // a change is looked at by then, although others follow
	slowLook = 30 * time.Second
	fastLook = time.Second
)

// watcher calls a function when files have changed.
type watcher struct {
	changed func()
	events  *fsnotify.Watcher // nil: the kernel has none for us
	ended   chan struct{}
	end     sync.Once

	mu      sync.Mutex // guards what follows
	paths   []string   // files, and directories of keys
	state   string     // what stat says of them
	watched []string   // directories
}

// newWatcher makes a watcher, which calls nothing before start.
func newWatcher(changed func()) *watcher {
	w := &watcher{changed: changed, ended: make(chan struct{})}
	_ = fds.OpenAboveStreams(func() (err error) { // without it, files are looked at
		w.events, err = fsnotify.NewWatcher()
		return err
	}, func() {
		_ = w.events.Close()
		w.events = nil
	})
	return w
}

// read notes that these files are read next: what is different from now on is a change.
func (w *watcher) read(paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paths = paths
	w.follow()
	w.state = stateOf(paths)
}

// follow has the kernel tell of the directories of all files. Those that do not exist are tried again at
// each look. The caller holds mu.
func (w *watcher) follow() {
	if w.events == nil {
		return
	}
	var wanted []string
	for _, path := range w.paths {
		wanted = append(wanted, filepath.Dir(path))
		if isDirectory(path) {
			wanted = append(wanted, path)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
			wanted = append(wanted, filepath.Dir(real))
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	for _, directory := range w.watched {
		if _, ok := slices.BinarySearch(wanted, directory); !ok {
			_ = w.events.Remove(directory) // fails where it is gone
		}
	}
	for _, directory := range wanted {
		_ = w.events.Add(directory)
	}
	w.watched = wanted
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// start begins to call changed, in a goroutine of its own. failed is called if it panics.
func (w *watcher) start(failed func(error)) { safe.Go(failed, w.run) }

func (w *watcher) run() {
	var events chan fsnotify.Event
	var errs chan error
	every := fastLook
	if w.events != nil {
		events, errs, every = w.events.Events, w.events.Errors, slowLook
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-w.ended:
			return
		case <-events:
			w.settle(events)
		case <-errs: // events were lost
			w.settle(events) // or the descriptor is broken, and errors come without end
		case <-timer.C:
		}
		if w.differs() {
			w.changed()
		}
		timer.Reset(every)
	}
}

// settle waits until no event has come for a while.
func (w *watcher) settle(events chan fsnotify.Event) {
	longest, pause := time.NewTimer(settled), time.NewTimer(quiet)
	defer longest.Stop()
	defer pause.Stop()
	for {
		select {
		case <-events:
			pause.Reset(quiet)
		case <-pause.C:
			return
		case <-longest.C:
			return
		case <-w.ended:
			return
		}
	}
}

// differs reports whether the files are not as they were when they were read last.
func (w *watcher) differs() bool {
	select {
	case <-w.ended:
		return false
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow()
	return stateOf(w.paths) != w.state
}

// stateOf says what stat tells of files, and of the files in directories.
func stateOf(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		stateOfOne(&b, path)
		entries, err := os.ReadDir(path)
		if err != nil { // it is a file
			continue
		}
		for _, e := range entries {
			stateOfOne(&b, filepath.Join(path, e.Name()))
		}
	}
	return b.String()
}

// close ends it. changed may still run, but does not begin any more.
func (w *watcher) close() {
	w.end.Do(func() {
		close(w.ended)
		if w.events != nil {
			_ = w.events.Close()
		}
	})
}
