package systemtopic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/trie"
)

func TestASystemTopicMatchesOnlySubscriptionsForSystemTopics(t *testing.T) {
	for _, c := range []struct {
		prefix, frame string
		match         bool
	}{
		{``, `"$hermes/postoffice/a/stats"`, false},
		{`"`, `"$hermes/postoffice/a/stats"`, false},
		{`"$`, `"$hermes/postoffice/a/stats"`, true},
		{`"$hermes/`, `"$hermes/postoffice/a/stats"`, true},
		{`"$hermes/receiver/`, `"$hermes/postoffice/a/stats"`, false},
		{``, `"$GPGGA"`, false},
		{``, `"a$"`, true},
		{`"`, `"a"`, true},
		{``, ``, true},
		{``, `"`, true},
		{``, `["$"]`, true},
		{``, `"\u0024hermes/"`, true},
	} {
		var set trie.Set
		set.Add([]byte(c.prefix))
		require.Equal(t, c.match, Match(&set, []byte(c.frame)), "%q for %q", c.frame, c.prefix)
		set.Add([]byte(`"none`))
		set.Add([]byte(`"$none`))
		require.Equal(t, c.match, Match(&set, []byte(c.frame)), "%q for %q and others", c.frame, c.prefix)
	}
}

func TestWhatMayBeASystemTopicOnceItIsDecoded(t *testing.T) {
	for _, frame := range []string{`"$hermes/`, `"\u0024hermes/`, ` "$`, "", `"`} {
		require.True(t, MayBe([]byte(frame)), frame)
	}
	for _, frame := range []string{`"a$`, `""`, `"ticks`} {
		require.False(t, MayBe([]byte(frame)), frame)
	}
}

func TestNamesAreOneSegment(t *testing.T) {
	for _, name := range []string{"a", "a/b", "100%", "%2F", "%252F/", "Zürich"} {
		topic := Name("publisher", name, Stats)
		kind, back, what, ok := Parse(topic)
		require.True(t, ok, topic)
		require.Equal(t, [3]string{"publisher", name, "stats"}, [3]string{kind, back, what})
	}
	for _, topic := range []string{"", "$hermes/", "$hermes/a/b", "$hermes/a/b/c/d", "ticks/a/b/c"} {
		_, _, _, ok := Parse(topic)
		require.False(t, ok, topic)
	}
}
