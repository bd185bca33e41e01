package recording

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Verified is what Verify has found in one file.
type Verified struct {
	File       string   `json:"file"`
	OK         bool     `json:"ok"`
	Problems   []string `json:"problems,omitempty"`
	Complete   bool     `json:"complete"`   // the file was finished, and not recovered
	Envelopes  uint64   `json:"envelopes"`  // in the file
	Lost       uint64   `json:"lost"`       // as the numbers of the envelopes tell
	Recorded   uint64   `json:"lost_noted"` // as the loss records tell
	Duplicates uint64   `json:"duplicates"` // as the numbers tell

	books Books
	has   bool // books
}

func (v *Verified) complain(format string, args ...any) {
	const most = 20
	if len(v.Problems) < most {
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}

// Verify checks files of one recording, or of several, in the order in which they were written:
// their structure; that the loss records are what the numbers of the envelopes tell; and that the
// books of the files, and the counters of the receiver in them, are what is there. The error is one
// of opening a file. progress is told of the bytes that were read, of each file about twice its size; nil: nothing is.
func Verify(names []string, progress func(bytes int64)) ([]*Verified, error) {
	numbers := map[string]*gaps{} // by recording
	var all []*Verified
	for _, name := range names {
		v, err := verifyFile(name, numbers, progress)
		if err != nil {
			return all, err
		}
		all = append(all, v)
		if info, err := os.Stat(name); err == nil && progress != nil {
			progress(info.Size())
		}
	}
	compareSets(all)
	for _, v := range all {
		v.OK = len(v.Problems) == 0
	}
	return all, nil
}

// countingAt tells progress, unless it is nil, of what is read.
type countingAt struct {
	io.ReaderAt
	progress func(bytes int64)
}

func (r countingAt) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	if r.progress != nil {
		r.progress(int64(n))
	}
	return n, err
}

// verifyFile checks one file. numbers is what is known of the streams of the recording.
func verifyFile(name string, numbers map[string]*gaps, progress func(bytes int64)) (*Verified, error) {
	f, end, err := mcap.Open(name)
	if err != nil {
		return nil, err
	}
	defer end()
	v := &Verified{File: name}
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if v.Problems, err = mcap.Check(countingAt{in, progress}, f.Size, name); err != nil {
		return nil, err
	}
	v.books, v.has = booksOf(f)
	v.Complete = f.Broken == nil && !v.books.Recovered
	g := numbers[v.books.Recording]
	if g == nil || v.books.Recording == "" {
		g = &gaps{last: map[string]uint32{}}
		numbers[v.books.Recording] = g
	}
	g.noted = map[string]Loss{}
	for e, err := range entries([]*mcap.File{f}, mcap.Query{AsWritten: true}, &Filter{}) {
		if err != nil {
			v.complain("%v", err)
			break
		}
		g.note(v, &e)
	}
	if !v.has {
		if f.Header.Profile == profile && f.Broken == nil {
			v.complain("the file has no books")
		}
		return v, nil
	}
	if v.books.Envelopes != v.Envelopes {
		v.complain("the books say that it has %d envelopes, and it has %d", v.books.Envelopes, v.Envelopes)
	}
	if v.books.Lost != v.Recorded {
		v.complain("the books say that %d envelopes are lost, and the loss records %d", v.books.Lost, v.Recorded)
	}
	return v, nil
}

// gaps finds gaps in the numbers of streams, as admission does.
type gaps struct {
	last  map[string]uint32 // by topic and origin as frames, and run
	noted map[string]Loss   // loss records whose envelope has not come yet
	memo  wire.StreamMemo
	room  []byte
	key   []byte
}

func (g *gaps) keyOf(topic, origin []byte, run uint16) string {
	g.key = append(append(append(g.key[:0], topic...), 0), origin...)
	return string(append(g.key, byte(run>>8), byte(run)))
}

func (g *gaps) note(v *Verified, e *entry) {
	if l := e.loss; l != nil {
		v.Recorded += uint64(l.Lost)
		g.noted[g.keyOf([]byte(l.Frames[0]), []byte(l.Frames[1]), l.Run)] = *l
		return
	}
	if !e.envelope {
		return
	}
	v.Envelopes++
	g.room = e.frames.appendTo(g.room[:0])
	var p wire.Parts
	if err := p.Split(g.room, &g.memo); err != nil {
		if e.stream.form != "" {
			v.complain("a message of %q is no envelope: %v", e.stream.topic, err)
		}
		return
	}
	if !p.Numbered {
		return
	}
	key := g.keyOf(p.Topic, p.Origin, p.Sequence.Incarnation)
	last, known := g.last[key]
	n := p.Sequence.Number
	noted, announced := g.noted[key]
	announced = announced && noted.Number == n
	delete(g.noted, key)
	step := n - last
	if known && int32(step) <= 0 {
		v.Duplicates++
		return
	}
	g.last[key] = n
	missing := uint32(0)
	switch {
	case known:
		missing = step - 1
	case announced: // only the receiver knew what came before
		missing = noted.Lost
	}
	v.Lost += uint64(missing)
	if said := noted.Lost; missing > 0 && !announced {
		v.complain("%d envelopes are missing before number %d of %s, and no loss record says so", missing, n, p.Topic)
	} else if announced && said != missing {
		v.complain("a loss record says that %d envelopes are missing before number %d of %s, and the numbers say %d", said, n, p.Topic, missing)
	}
}

// compareSets compares recordings that are whole with the counters of their receivers.
func compareSets(all []*Verified) {
	sets := map[string][]*Verified{}
	for _, v := range all {
		if v.has {
			sets[v.books.Recording] = append(sets[v.books.Recording], v)
		}
	}
	for _, set := range sets {
		last := set[len(set)-1]
		if last.books.Final && len(set) == last.books.File && !last.books.Recovered {
			compareSet(set, last)
		}
	}
}

func compareSet(set []*Verified, last *Verified) {
	var sum Verified
	for _, v := range set {
		sum.Envelopes += v.Envelopes
		sum.Lost += v.Recorded
		sum.Duplicates += v.Duplicates
	}
	b := &last.books
	if sum.Envelopes != b.Written {
		last.complain("the books say that %d envelopes were written, and there are %d", b.Written, sum.Envelopes)
	}
	var receiver struct {
		Delivered        uint64
		Lost, Duplicates uint64
		DroppedDuplicate uint64 `json:"dropped_duplicate"`
	}
	if b.Receiver == nil || json.Unmarshal(b.Receiver, &receiver) != nil {
		return
	}
	if got := b.Written + b.Unwritten + b.Evicted + b.AfterEnd; got != receiver.Delivered {
		last.complain("the receiver has delivered %d envelopes, and the books account for %d", receiver.Delivered, got)
	}
	if b.Unwritten+b.Evicted+b.AfterEnd+b.Deleted > 0 {
		return // what became of the others is not known
	}
	if sum.Lost != receiver.Lost {
		last.complain("the receiver has counted %d lost envelopes, and the loss records say %d", receiver.Lost, sum.Lost)
	}
	if receiver.DroppedDuplicate == 0 && sum.Duplicates != receiver.Duplicates {
		last.complain("the receiver has counted %d duplicates, and there are %d", receiver.Duplicates, sum.Duplicates)
	}
}
