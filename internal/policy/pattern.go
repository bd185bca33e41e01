package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// anySegment stands for one segment in a pattern.
const anySegment = "*"

// maxSegments bounds a pattern: verdicts and Narrow recurse once a segment.
const maxSegments = 128

// parsePattern splits a pattern into its segments. The topics that it matches are those whose first
// segments are these; so "" has none, and matches every topic. A "/" at the end changes nothing.
func parsePattern(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	segments := strings.Split(strings.TrimSuffix(text, "/"), "/")
	if len(segments) > maxSegments {
		return nil, fmt.Errorf("it has %d segments, and %d are the most", len(segments), maxSegments)
	}
	for _, s := range segments {
		if s != anySegment && strings.Contains(s, anySegment) {
			return nil, fmt.Errorf("a * stands for one whole segment, and %s is only partly one; write the segment, or *", quoted(s))
		}
	}
	return segments, nil
}
