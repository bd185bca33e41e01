package core

// latest keeps the newest thing of each topic, in the order in which they came. It is
// what a queue turns into when it is full and its rule is latest_per_topic.
type latest[T any] struct {
	byTopic          map[string]*newest[T]
	oldest, youngest *newest[T]
}

type newest[T any] struct {
	topic         string
	value         T
	before, after *newest[T]
}

// newestBytes is about what one takes besides its value: itself, its topic, and its
// place in the map.
const newestBytes = 160

func (l *latest[T]) len() int { return len(l.byTopic) }

// put adds a value as the youngest, and gives back the one of its topic that it
// replaces.
func (l *latest[T]) put(topic []byte, v T) (old T, replaced bool) {
	if l.byTopic == nil {
		l.byTopic = map[string]*newest[T]{}
	}
	n := l.byTopic[string(topic)]
	if replaced = n != nil; replaced {
		old = n.value
		l.unlink(n)
	} else {
		n = &newest[T]{topic: string(topic)}
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

func (l *latest[T]) unlink(n *newest[T]) {
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

// pop removes the oldest. There must be one.
func (l *latest[T]) pop() T {
	n := l.oldest
	l.unlink(n)
	delete(l.byTopic, n.topic)
	return n.value
}
