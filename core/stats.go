package core

import "github.com/hermes-zmq/hermes/internal/wire"

// base is what all statistics begin with.
type base struct {
	Kind          string `json:"kind"`
	Name          string `json:"name"`
	State         string `json:"state"`
	StopReason    string `json:"stop_reason"`
	Problem       string `json:"problem"` // of its connections, for people; empty where none is known
	EventsDropped uint64 `json:"events_dropped"`
}

func (c *component) base() base {
	problem := c.links.Problem()
	c.mu.Lock()
	defer c.mu.Unlock()
	return base{Kind: c.kind, Name: c.name, State: c.state.String(), StopReason: c.reason, Problem: problem, EventsDropped: c.events.Dropped()}
}

// statsJSON encodes statistics, which are numbers and strings only.
func statsJSON(v any) []byte {
	text, err := wire.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// CacheCounters are those of a post office's cache of last values: all 0 where it has none.
type CacheCounters struct {
	CacheTopics   uint64 `json:"cache_topics"`
	CacheMessages uint64 `json:"cache_messages"`
	CacheBytes    int64  `json:"cache_bytes"`
	CacheEvicted  uint64 `json:"cache_evicted"`
	CacheSent     uint64 `json:"cache_sent"`
	CacheDropped  uint64 `json:"cache_dropped"`
}
