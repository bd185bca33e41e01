package recording

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/core"
)

// profile is that of the files, as their header tells.
const profile = "hermes"

func header() mcap.Header { return mcap.Header{Profile: profile, Library: "hermes " + core.Version} }

// outFile is a file that is written under its unfinished name.
type outFile struct {
	name   string
	file   *os.File
	writer *mcap.Writer
	counts counts
	synced chan struct{} // has one token while no sync is under way
	every  time.Duration // between two syncs: a write has to wait for the journal of the file system meanwhile
	last   time.Time     // of the last sync
}

func newOutFile(name string, catalog *mcap.Catalog, syncEvery time.Duration, mode os.FileMode) (*outFile, error) {
	f, err := create(name, mode)
	if err != nil {
		return nil, err
	}
	w, err := mcap.NewWriter(f, header(), catalog)
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, err
	}
	o := &outFile{name: name, file: f, writer: w, synced: make(chan struct{}, 1), every: syncEvery}
	o.synced <- struct{}{}
	return o, nil
}

// chunk writes a chunk. Where that fails, the file is as it was before.
func (o *outFile) chunk(c *mcap.Chunk, n counts) error {
	if err := o.writer.Chunk(c); err != nil {
		return o.rewind(err)
	}
	o.counts.envelopes += n.envelopes
	o.counts.lost += n.lost
	o.sync()
	return nil
}

// rewind takes back what was written in part. It returns the error that it was given.
func (o *outFile) rewind(why error) error {
	if o.file.Truncate(o.writer.Kept()) == nil {
		if _, err := o.file.Seek(o.writer.Kept(), 0); err == nil {
			o.writer.Rewind()
		}
	}
	return fmt.Errorf("%s: %w", o.name, why)
}

// sync lets the kernel write what it has, in the background, unless that was done just now or is
// under way: a chunk that comes meanwhile is for the next time.
func (o *outFile) sync() {
	if time.Since(o.last) < o.every {
		return
	}
	select {
	case <-o.synced:
		o.last = time.Now()
		go func() {
			_ = syncData(o.file)
			o.synced <- struct{}{}
		}()
	default:
	}
}

// close writes books and summary, and gives the file its name. Where that fails the file keeps its
// unfinished name, and everything in it is whole.
func (o *outFile) close(b *Books) error {
	<-o.synced
	defer o.file.Close()
	b.Envelopes, b.Lost = o.counts.envelopes, o.counts.lost
	err := o.writer.Metadata(b.metadata())
	if err == nil {
		err = o.writer.Close()
	}
	if err == nil {
		err = o.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("%w; `hermes log recover %s%s` makes a whole file of what is there", o.rewind(err), o.name, Part)
	}
	if err := os.Rename(o.name+Part, o.name); err != nil {
		return err
	}
	return syncDir(dirOf(o.name))
}

// dirOf is the folder of a file.
func dirOf(name string) string { return filepath.Dir(name) }
