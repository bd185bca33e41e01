package recording

import (
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

// ring is the output to memory: chunks, of which the oldest are evicted. It is written to a file
// when there is a reason, and is empty then. It is for the output goroutine.
type ring struct {
	*Recorder
	catalog *mcap.Catalog
	chunks  []ringChunk
	bytes   int64
	evicted uint64
	written int64 // bytes in files
	files   int
}

type ringChunk struct {
	*mcap.Chunk
	counts
	at time.Time // when it was full
}

func newRing(r *Recorder) (*ring, error) {
	return &ring{Recorder: r, catalog: mcap.NewCatalog()}, nil
}

func (g *ring) declare(n news) { n.addTo(g.catalog) }

func (g *ring) chunk(c *mcap.Chunk, n counts) error {
	g.chunks = append(g.chunks, ringChunk{c, n, time.Now()})
	g.bytes += int64(c.Size())
	g.evict()
	return nil
}

// evict removes what is too old, or has no room.
func (g *ring) evict() {
	n := 0
	for ; n < len(g.chunks)-1; n++ {
		c := &g.chunks[n]
		if time.Since(c.at) <= g.cfg.Ring.Last && g.bytes <= g.cfg.Ring.Bytes {
			break
		}
		g.bytes -= int64(c.Size())
		g.evicted += c.envelopes
	}
	g.chunks = append(g.chunks[:0:0], g.chunks[n:]...)
}

func (g *ring) rotate() error { return nil }

// dump writes everything to a file.
func (g *ring) dump(reason string) error {
	g.evict()
	if len(g.chunks) == 0 {
		g.cfg.Notice("nothing is written (" + reason + "): nothing has arrived since the last time")
		return nil
	}
	var file *outFile
	var err error
	now := time.Now()
	for n := 0; file == nil; n++ {
		const tries = 100
		if file, err = newOutFile(ofRing(g.cfg.Name, now, n), g.catalog, g.cfg.Flush, g.cfg.Mode); err != nil && n >= tries {
			return err
		}
	}
	for _, c := range g.chunks {
		if err = file.chunk(c.Chunk, c.counts); err != nil {
			break
		}
	}
	g.files++
	b := g.books(g.files, false)
	b.Evicted = g.evicted
	if closeErr := file.close(b); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	g.written += file.writer.Size()
	g.chunks, g.bytes = nil, 0
	g.cfg.Notice("wrote " + file.name + " (" + reason + ")")
	return nil
}

func (g *ring) close() error {
	for _, c := range g.chunks {
		g.evicted += c.envelopes
	}
	return nil
}

func (g *ring) fill(p *Progress) { p.Evicted, p.Bytes, p.Files = g.evicted, g.written, g.files }
