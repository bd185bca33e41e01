package recording

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

// Recover writes what is whole of an unfinished or damaged file to another one. An empty output is
// the name of the file without Part. progress is told of the bytes that were read; nil: nothing is.
func Recover(name, output string, progress func(bytes int64)) (string, *mcap.Recovered, error) {
	if output == "" {
		whole, unfinished := strings.CutSuffix(name, Part)
		if !unfinished {
			return "", nil, fmt.Errorf("%s does not end in %s: say where the result is to go", name, Part)
		}
		output = whole
	}
	in, err := os.Open(name)
	if err != nil {
		return "", nil, err
	}
	defer in.Close()
	if _, err := os.Lstat(output); err == nil {
		return "", nil, fmt.Errorf("%s exists: choose another name, or remove it", output)
	}
	out, err := os.CreateTemp(dirOf(output), ".hermes-*"+Part)
	if err != nil {
		return "", nil, err
	}
	defer os.Remove(out.Name()) // nothing is there once it has its name
	defer out.Close()
	sum := counts{}
	got, err := mcap.Recover(counting(in, progress), out, func(c *mcap.Channel, m *mcap.Message) { sum.see(c, m) }, func(w *mcap.Writer) error {
		if w.HasMetadata(booksName) { // only the summary was missing
			return nil
		}
		b := Books{Recording: newID(), File: 1, Envelopes: sum.envelopes, Lost: sum.lost, Written: sum.envelopes, Recovered: true}
		return w.Metadata(b.metadata())
	})
	if err == nil {
		err = out.Chmod(permissionsOf(in))
	}
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = os.Rename(out.Name(), output)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	return output, got, nil
}

// see takes in a message.
func (n *counts) see(c *mcap.Channel, m *mcap.Message) {
	switch c.Metadata[keyKind] {
	case kindLost:
		var l Loss
		if json.Unmarshal(m.Data, &l) == nil {
			n.lost += uint64(l.Lost)
		}
	default:
		n.envelopes++
	}
}

// counting tells progress of what is read.
func counting(in io.Reader, progress func(bytes int64)) io.Reader {
	if progress == nil {
		return in
	}
	return countingReader{in, progress}
}

type countingReader struct {
	io.Reader
	progress func(bytes int64)
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.progress(int64(n))
	return n, err
}

// Cut writes the chosen envelopes of files, and the loss records about them, to another file. progress is told of the time of
// each; nil: nothing is.
func Cut(files []*mcap.File, filter Filter, output string, chunkBytes int, progress func(logTime uint64)) (counted uint64, err error) {
	catalog := mcap.NewCatalog()
	out, err := newOutFile(output, catalog, time.Minute, 0)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = out.file.Close()
			_ = os.Remove(output + Part)
		}
	}()
	k := cutting{out: out, catalog: catalog, channels: map[*mcap.Channel]uint16{}, same: map[string]uint16{}}
	for e, err := range entries(files, mcap.Query{}, &filter) {
		if err == nil {
			err = k.add(&e, chunkBytes)
		}
		if err != nil {
			return 0, err
		}
		if progress != nil {
			progress(e.LogTime)
		}
	}
	if err := k.flush(); err != nil {
		return 0, err
	}
	n := out.counts.envelopes
	return n, out.close(&Books{Recording: newID(), File: 1, Written: n})
}

// cutting is a file that is cut out of others, with channels of its own.
type cutting struct {
	out      *outFile
	catalog  *mcap.Catalog
	channels map[*mcap.Channel]uint16 // of the other files
	same     map[string]uint16        // channels by what they say
	schemas  int
	builder  mcap.Builder
	counts   counts
}

func (k *cutting) add(e *entry, chunkBytes int) error {
	id, err := k.channel(e.Found)
	if err != nil {
		return err
	}
	m := e.Message
	m.Channel = id
	k.builder.Add(&m)
	k.counts.see(e.Found.Channel, &m)
	if k.builder.Size() >= chunkBytes {
		return k.flush()
	}
	return nil
}

func (k *cutting) flush() error {
	if k.builder.Messages() == 0 {
		return nil
	}
	c, err := k.builder.Finish(mcap.Zstd)
	if err == nil {
		err = k.out.chunk(c, k.counts)
	}
	k.counts = counts{}
	return err
}

// channel gives the number of a channel in the new file: channels that say the same are one.
func (k *cutting) channel(m *mcap.Found) (uint16, error) {
	if id, known := k.channels[m.Channel]; known {
		return id, nil
	}
	schema := m.File.Schemas[m.Channel.SchemaID]
	text, err := json.Marshal([]any{m.Channel.Topic, m.Channel.Encoding, m.Channel.Metadata, schema})
	if err != nil {
		return 0, err
	}
	id, known := k.same[string(text)]
	if !known {
		if len(k.same) >= 1<<16-1 {
			return 0, fmt.Errorf("%s would have more than %d channels: choose fewer topics", k.out.name, 1<<16-1)
		}
		id = uint16(len(k.same) + 1)
		k.same[string(text)] = id
		c := mcap.Channel{ID: id, Topic: m.Channel.Topic, Encoding: m.Channel.Encoding, Metadata: maps.Clone(m.Channel.Metadata)}
		if schema != nil {
			c.SchemaID = k.schema(schema)
		}
		k.catalog.AddChannel(&c)
	}
	k.channels[m.Channel] = id
	return id, nil
}

func (k *cutting) schema(s *mcap.Schema) uint16 {
	k.schemas++
	own := *s
	own.ID = uint16(k.schemas)
	k.catalog.AddSchema(&own)
	return own.ID
}

// permissionsOf are those of a file.
func permissionsOf(f *os.File) os.FileMode {
	if info, err := f.Stat(); err == nil {
		return info.Mode().Perm()
	}
	return Private
}
