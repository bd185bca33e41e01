package recording

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
)

// Size is how many envelopes a file has of one topic and origin.
type Size struct {
	Topic     string `json:"topic"`
	Origin    string `json:"origin"`
	Envelopes uint64 `json:"envelopes"`
}

// Summary is what a file has, as its summary tells.
type Summary struct {
	Envelopes, Lost uint64
	Sizes           []Size // by topic and origin
}

// Summarize reads the summary of a file. Only losses are looked up.
func Summarize(f *mcap.File) (s Summary) {
	all := map[[2]string]uint64{}
	for id, n := range f.Statistics.ChannelCounts {
		c := f.Channels[id]
		if c == nil || c.Metadata[keyKind] == kindLost {
			continue
		}
		all[[2]string{c.Topic, c.Metadata[keyOrigin]}] += n
		s.Envelopes += n
	}
	for names, n := range all {
		s.Sizes = append(s.Sizes, Size{names[0], names[1], n})
	}
	slices.SortFunc(s.Sizes, func(a, b Size) int {
		return strings.Compare(a.Topic+"\x00"+a.Origin, b.Topic+"\x00"+b.Origin)
	})
	s.Lost = lostIn(f)
	return s
}

// lostIn is the sum of the loss records of a file.
func lostIn(f *mcap.File) (lost uint64) {
	if b, ok := booksOf(f); ok {
		return b.Lost
	}
	isLost := func(c *mcap.Channel) bool { return c.Metadata[keyKind] == kindLost }
	for m, err := range mcap.Messages([]*mcap.File{f}, mcap.Query{Want: isLost}) {
		var l Loss
		if err != nil || json.Unmarshal(m.Data, &l) != nil {
			break
		}
		lost += uint64(l.Lost)
	}
	return lost
}
