package backbone

import "github.com/hermes-zmq/hermes/internal/batch"

// screen finds what reaches this site twice: over the backbone and over a connection beside it.
type screen struct{}

func (s *screen) route(string, map[uint64][]string)           {}
func (s *screen) needed() bool                                { return false }
func (s *screen) admit(_ uint64, b *batch.Batch) *batch.Batch { return b }
