package core

// cacheOptions is what a post office can be told of the cache of last values.
type cacheOptions struct {
	depth  *sizeVar
	topics *prefixesVar
	bytes  *sizeVar
	old    *choiceVar
}

// maxDepth bounds the envelopes kept of one topic.
const maxDepth = 1 << 20

func (c *cacheOptions) add(o *options) {
	c.depth = newSizeOrNone(maxDepth)
	c.topics = &prefixesVar{}
	c.bytes = newSize(64<<20, maxBytes)
	c.old = newChoice("off", "restamp")
	o.add("cache.depth", "how many of the newest envelopes of each topic are kept for receivers that come late; 0 is none (our own carrier only)", false, c.depth)
	o.add("cache.topics", "topic prefixes, separated by commas, of which that is done; empty: all", false, c.topics)
	o.add("cache.bytes", "how much memory they may take; beyond it, topics of which nothing has come for the longest time are forgotten", false, c.bytes)
	o.add("cache.old", "what receivers get of it that cannot tell an old envelope from a late one, such as those of 1.x: off (nothing), or restamp (the time of delivery in place of their own)", false, c.old)
}

// open makes an empty cache, or none.
func (c *cacheOptions) open() *lastValues {
	depth := int(c.depth.get())
	if depth == 0 {
		return nil
	}
	return newLastValues(depth, c.bytes.get(), c.old.String(), c.topics.get())
}
