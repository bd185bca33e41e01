package core

import (
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/option"
)

// cacheOptions is what a post office can be told of the cache of last values.
type cacheOptions struct {
	depth  *option.Size
	topics *option.Prefixes
	bytes  *option.Size
	old    *option.Choice
}

// maxDepth bounds the envelopes kept of one topic.
const maxDepth = 1 << 20

func (c *cacheOptions) add(o *option.Set) {
	c.depth = option.NewSizeOrNone(maxDepth)
	c.topics = &option.Prefixes{}
	c.bytes = option.NewSize(64<<20, option.MaxBytes)
	c.old = option.NewChoice("off", "restamp")
	o.Add("cache.depth", "how many of the newest envelopes of each topic are kept for receivers that come late; 0 is none (our own carrier only)", false, c.depth)
	o.Add("cache.topics", "topic prefixes, separated by commas, of which that is done; empty: all", false, c.topics)
	o.Add("cache.bytes", "how much memory they may take; beyond it, topics of which nothing has come for the longest time are forgotten", false, c.bytes)
	o.Add("cache.old", "what receivers get of it that cannot tell an old envelope from a late one, such as those of 1.x: off (nothing), or restamp (the time of delivery in place of their own)", false, c.old)
}

// open makes an empty cache, or none.
func (c *cacheOptions) open() *lastvalue.Cache {
	depth := int(c.depth.Get())
	if depth == 0 {
		return nil
	}
	return lastvalue.New(lastvalue.Config{Depth: depth, Bytes: c.bytes.Get(), Prefixes: c.topics.Get(), Restamp: c.old.Is("restamp")})
}
