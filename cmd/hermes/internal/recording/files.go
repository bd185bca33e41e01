package recording

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// files is the output to one file, or to one after the other. It is for the output goroutine.
type files struct {
	*Recorder
	catalog  *mcap.Catalog
	file     *outFile
	begun    int      // files
	next     int      // the number of the next file
	old      []string // finished files, oldest first, and
	oldBytes int64    // their size
	closed   int64    // bytes in finished files
	deleted  uint64   // files, by the quota
	err      error    // why there is no file
}

func newFiles(r *Recorder) (*files, error) {
	f := &files{Recorder: r}
	if err := f.listOld(); err != nil {
		return nil, err
	}
	if err := f.checkFree(0); err != nil {
		return nil, err
	}
	return f, f.begin()
}

// begin begins the next file.
func (f *files) begin() error {
	if err := f.listOld(); err != nil {
		return err
	}
	name := f.cfg.Name
	if f.cfg.Rotate.On() {
		name = numbered(f.cfg.Name, f.next)
	}
	f.catalog = mcap.NewCatalog()
	file, err := newOutFile(name, f.catalog, f.cfg.Flush, f.cfg.Mode)
	if err != nil {
		f.file, f.err = nil, err
		return err
	}
	f.file = file
	f.begun++
	return nil
}

func (f *files) declare(n news) { n.addTo(f.catalog) }

// addTo adds them to a catalog.
func (n *news) addTo(c *mcap.Catalog) {
	for _, s := range n.schemas {
		c.AddSchema(s)
	}
	for _, h := range n.channels {
		c.AddChannel(h)
	}
}

func (f *files) chunk(c *mcap.Chunk, n counts) error {
	if f.file == nil {
		return f.err
	}
	if err := f.applyQuota(int64(c.Size())); err != nil {
		return err
	}
	if err := f.checkFree(int64(c.Size())); err != nil {
		return err
	}
	err := f.file.chunk(c, n)
	for errors.Is(err, errno.ENOSPC) && f.deleteOldest() == nil {
		err = f.file.chunk(c, n)
	}
	if err != nil {
		return err
	}
	if most := f.cfg.Rotate.Bytes; most > 0 && f.file.writer.Size() >= most {
		f.rotateSoon()
	}
	return nil
}

// rotateSoon asks the packing goroutine to begin another file: channels are numbered there.
func (f *files) rotateSoon() {
	select {
	case f.large <- struct{}{}:
	default:
	}
}

// checkFree deletes the oldest files until there is room for more bytes beside what is to stay free.
func (f *files) checkFree(more int64) error {
	if f.cfg.MinFree <= 0 {
		return nil
	}
	for {
		free, err := f.cfg.free(filepath.Dir(f.cfg.Name))
		if err != nil || free-more >= f.cfg.MinFree {
			return err
		}
		if f.deleteOldest() != nil {
			return fmt.Errorf("%s: %d MB of the disk are free, and %d MB are to stay so", f.cfg.Name, free>>20, f.cfg.MinFree>>20)
		}
	}
}

// applyQuota deletes the oldest files until all of them, with more bytes, are within the quota.
func (f *files) applyQuota(more int64) error {
	if f.cfg.Rotate.Quota <= 0 || !f.cfg.Rotate.On() {
		return nil
	}
	own := more + f.file.writer.Size() + f.file.writer.SummarySize()
	for len(f.old) > 0 && own+f.oldBytes > f.cfg.Rotate.Quota {
		if err := f.deleteOldest(); err != nil {
			return err
		}
	}
	return nil
}

var errNoneToDelete = errors.New("there is no older file to delete")

// listOld lists the finished files of the recording, those of earlier ones of the same name included.
func (f *files) listOld() (err error) {
	if !f.cfg.Rotate.On() {
		return nil
	}
	f.oldBytes = 0
	if f.old, f.next, err = series(f.cfg.Name); err != nil {
		return err
	}
	for _, name := range f.old {
		if info, err := os.Stat(name); err == nil {
			f.oldBytes += info.Size()
		}
	}
	return nil
}

// deleteOldest deletes the oldest file of several.
func (f *files) deleteOldest() error {
	if len(f.old) == 0 {
		return errNoneToDelete
	}
	name := f.old[0]
	info, err := os.Stat(name)
	if err == nil {
		err = os.Remove(name)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f.old = f.old[1:]
	if err == nil {
		f.oldBytes -= info.Size()
		f.deleted++
		f.cfg.Notice("deleted " + name + ", the oldest file")
	}
	return nil
}

func (f *files) rotate() error {
	if f.file == nil {
		return f.err
	}
	if err := f.end(false); err != nil {
		f.err = err
		return err
	}
	return f.begin()
}

// end closes the file.
func (f *files) end(final bool) error {
	file := f.file
	if file == nil {
		return nil
	}
	f.file = nil
	if file.counts.envelopes == 0 && f.begun > 1 { // nothing came since the last rotation
		_ = file.file.Close()
		return os.Remove(file.name + Part)
	}
	err := file.close(f.books(f.begun, final))
	if err == nil {
		f.closed += file.writer.Size()
		f.cfg.Notice("wrote " + file.name)
	}
	return err
}

func (f *files) dump(string) error { return nil }

func (f *files) close() error { return f.end(true) }

func (f *files) fill(p *Progress) {
	p.Files, p.Deleted, p.Bytes = f.begun, f.deleted, f.closed
	if f.file != nil {
		p.Bytes += f.file.writer.Size()
	}
}

// books are what is known now.
func (r *Recorder) books(file int, final bool) *Books {
	p := r.Progress()
	b := &Books{Recording: r.id, File: file, Final: final, Written: p.Envelopes, Unwritten: p.Unwritten, Evicted: p.Evicted,
		Deleted: p.Deleted, AfterEnd: p.AfterEnd}
	if r.cfg.Receiver != nil {
		b.Receiver = r.cfg.Receiver()
	}
	return b
}
