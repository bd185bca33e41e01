package streamtable

// Generations is a table that forgets the streams that were not looked up lately: a stream in use
// is in the young table. Once that has room for no more it becomes the old one, and the old one,
// with every stream that was not looked up meanwhile, is dropped. So it remembers the last most
// streams at least, and at most twice as many.
type Generations struct {
	most       int
	young, old *Table
}

// NewGenerations makes one.
func NewGenerations(most int) *Generations {
	return &Generations{most: most, young: new(Table), old: new(Table)}
}

// Find gives the number of a stream, until the next Find, and adds one, of 0, where there is none.
func (g *Generations) Find(k Key) (n *uint32, known bool) {
	if n = g.young.Find(k); n != nil {
		return n, true
	}
	was := g.old.Find(k)
	if g.young.Len() >= g.most {
		g.old, g.young = g.young, new(Table)
	}
	n = g.young.Add(k)
	if was != nil {
		*n = *was
	}
	return n, was != nil
}

// Known gives the number of a stream, and adds none.
func (g *Generations) Known(k Key) (n uint32, known bool) {
	if at := g.young.Find(k); at != nil {
		return *at, true
	}
	if at := g.old.Find(k); at != nil {
		return *at, true
	}
	return 0, false
}

// Young is the table in which a stream in use is.
func (g *Generations) Young() *Table { return g.young }

// Len is the number of streams in both tables; a stream may be in both.
func (g *Generations) Len() int { return g.young.Len() + g.old.Len() }
