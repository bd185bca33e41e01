package queue

// Newest keeps the newest value of each topic, in the order in which they came. A queue
// turns into it when it is full and its policy is LatestPerTopic. The zero value is
// empty.
type Newest[T any] struct {
	byTopic          map[string]*entry[T]
	oldest, youngest *entry[T]
	spare            *entry[T] // of the last Pop, for the next topic; nil or not in use
}

type entry[T any] struct {
	topic         string
	value         T
	before, after *entry[T]
}

// EntryBytes is about what an entry takes besides its value: itself, its topic, and its
// place in the map.
const EntryBytes = 160

// Len is the number of topics.
func (l *Newest[T]) Len() int { return len(l.byTopic) }

// Put adds a value as the youngest, and gives back the one of its topic that it
// replaces.
func (l *Newest[T]) Put(topic []byte, v T) (old T, replaced bool) {
	if l.byTopic == nil {
		l.byTopic = map[string]*entry[T]{}
	}
	n := l.byTopic[string(topic)]
	if replaced = n != nil; replaced {
		old = n.value
		l.unlink(n)
	} else {
		if n, l.spare = l.spare, nil; n == nil {
			n = &entry[T]{}
		}
		n.topic = string(topic)
		l.byTopic[n.topic] = n
	}
	n.value = v
	n.before, n.after = l.youngest, nil
	if l.youngest != nil {
		l.youngest.after = n
	} else {
		l.oldest = n
	}
	l.youngest = n
	return old, replaced
}

func (l *Newest[T]) unlink(n *entry[T]) {
	if n.before != nil {
		n.before.after = n.after
	} else {
		l.oldest = n.after
	}
	if n.after != nil {
		n.after.before = n.before
	} else {
		l.youngest = n.before
	}
}

// Oldest is the oldest value, to look at. There must be one.
func (l *Newest[T]) Oldest() *T { return &l.oldest.value }

// Each calls f for every value, the oldest first. f may change it.
func (l *Newest[T]) Each(f func(*T)) {
	for n := l.oldest; n != nil; n = n.after {
		f(&n.value)
	}
}

// Pop removes the oldest. There must be one.
func (l *Newest[T]) Pop() T {
	n := l.oldest
	l.unlink(n)
	delete(l.byTopic, n.topic)
	v := n.value
	*n = entry[T]{}
	l.spare = n
	return v
}
