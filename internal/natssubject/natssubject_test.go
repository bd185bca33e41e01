package natssubject

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

func space(t testing.TB) Space {
	s, err := New("hermes")
	require.NoError(t, err)
	return s
}

// matches is how NATS compares a subject with a filter.
func matches(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, w := range want {
		switch {
		case w == ">":
			return i < len(have)
		case i >= len(have), w != "*" && w != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}

// valid is what NATS demands of a subject to publish to, and JSON of a text.
func valid(subject string) bool {
	for _, token := range strings.Split(subject, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\x00") {
			return false
		}
	}
	for i := range len(subject) {
		if subject[i] <= ' ' || subject[i] >= 0x7f {
			return false
		}
	}
	return true
}

// frame undoes AppendSubject. ok is false for a topic that was cut.
func frame(s Space, subject string) (_ []byte, ok bool) {
	body, text := strings.CutPrefix(subject, s.Text)
	if !text {
		body, text = strings.CutPrefix(subject, s.System)
	}
	if !text {
		body = strings.TrimPrefix(subject, s.Raw)
	}
	body, unended := strings.CutSuffix(body, unended)
	var out []byte
	if text {
		out = append(out, '"')
	}
	for i, token := range strings.Split(body, ".") {
		if i > 0 {
			out = append(out, '/')
		}
		if strings.HasPrefix(token, rest) {
			return nil, false
		}
		for token != "" && token != empty {
			if token[0] != '%' {
				out, token = append(out, token[0]), token[1:]
				continue
			}
			c, err := hex.DecodeString(token[1:3])
			if err != nil {
				return nil, false
			}
			out, token = append(out, c...), token[3:]
		}
	}
	if text && !unended {
		out = append(out, '"')
	}
	return out, true
}

func TestATopicHasTheSubjectOfItsSegments(t *testing.T) {
	s := space(t)
	for topic, subject := range map[string]string{
		`"ticks/BTCUSD"`:        "hermes.t.ticks.BTCUSD",
		`"$hermes/a/b"`:         "hermes.s.$hermes.a.b",
		`"a$"`:                  "hermes.t.a$",
		`["$"]`:                 `hermes.r.["$"]`,
		`"ticks/Z\u00fcrich"`:   `hermes.t.ticks.Z\u00fcrich`,
		"\"ticks/Z\u00fcrich\"": "hermes.t.ticks.Z%C3%BCrich",
		`"a.b/*/>/%"`:           "hermes.t.a%2Eb.%2A.%3E.%25",
		`"a b"`:                 "hermes.t.a%20b",
		`""`:                    "hermes.t.%",
		`"/"`:                   "hermes.t.%.%",
		`"a//b/"`:               "hermes.t.a.%.b.%",
		`"a" `:                  "hermes.t.a",
		`"a"/b`:                 "hermes.t.a",
		`"a`:                    "hermes.t.a%-",
		`"`:                     "hermes.t.%%-",
		`"a\"b"`:                `hermes.t.a\"b`,
		`"a\\"b"`:               `hermes.t.a\\`,
		`"a\`:                   `hermes.t.a\%-`,
		`null`:                  "hermes.r.null",
		`["a/b", 5]`:            `hermes.r.["a.b",%205]`,
		``:                      "hermes.r.%",
		` "a"`:                  `hermes.r.%20"a"`,
	} {
		require.Equal(t, subject, string(s.AppendSubject(nil, []byte(topic))), "%q", topic)
	}
	require.Equal(t, "x hermes.d.orders.5", string(s.AppendDurable([]byte("x "), []byte(`"orders/5"`))))
}

func TestAPrefixSubscribesToTheSegmentsThatItEnds(t *testing.T) {
	s := space(t)
	for prefix, filters := range map[string][]string{
		``:                  {"hermes.t.>", "hermes.r.>"},
		`"`:                 {"hermes.t.>"},
		`"tic`:              {"hermes.t.>"},
		`"ticks/`:           {"hermes.t.ticks.>"},
		`"ticks/B`:          {"hermes.t.ticks.>"},
		`"ticks/B"`:         {"hermes.t.ticks.B"},
		`"ticks/B" `:        {"hermes.t.ticks.B"},
		`"$`:                {"hermes.s.>"},
		`"$hermes/`:         {"hermes.s.$hermes.>"},
		`"ticks//`:          {"hermes.t.ticks.%.>"},
		`"a.b/`:             {"hermes.t.a%2Eb.>"},
		`"ticks/Z\u00fc`:    {"hermes.t.ticks.>"},
		`"ticks/Z\u00fcr\"`: {"hermes.t.ticks.>"},
		`["a"`:              {"hermes.r.>"},
		`["a/b`:             {`hermes.r.["a.>`},
	} {
		require.Equal(t, filters, s.Filters([]byte(prefix)), "%q", prefix)
	}
	require.Equal(t, "hermes.d.orders.>", s.DurableFilter([]byte(`"orders/`)))
	require.Equal(t, "hermes.d.orders", s.DurableFilter([]byte(`"orders"`)))
	require.Equal(t, "hermes.d.>", s.DurableFilter(nil))
}

func TestALongTopicIsCutAndStaysTellable(t *testing.T) {
	s := space(t)
	for _, long := range []string{
		`"` + strings.Repeat("a/", 40) + `x"`,
		`"` + strings.Repeat("a/", MaxSegments) + `x"`,
		`"a/` + strings.Repeat("b", MaxBytes+1) + `x"`,
		`"a/` + strings.Repeat(".", MaxBytes/3) + `x"`,
		`"a/` + strings.Repeat("b", room) + `/x"`,
		`"` + strings.Repeat("bbbb/", 1<<20) + `x"`,
	} {
		subject := string(s.AppendSubject(nil, []byte(long)))
		require.Contains(t, subject, "."+rest)
		require.LessOrEqual(t, len(subject), len(s.Text)+MaxBytes)
		require.LessOrEqual(t, strings.Count(subject, ".")-1, MaxSegments)
		require.True(t, valid(subject))
		other := string(s.AppendSubject(nil, []byte(long[:len(long)-2]+`y"`)))
		require.NotEqual(t, subject, other)
	}
	most := `"` + strings.Repeat("a/", MaxSegments-1) + `x"`
	require.Equal(t, "hermes.t."+strings.Repeat("a.", MaxSegments-1)+"x", string(s.AppendSubject(nil, []byte(most))))
}

func TestAClusterNamesItsSubjects(t *testing.T) {
	s, err := New("floor-2_b")
	require.NoError(t, err)
	require.Equal(t, "floor-2_b.t.a", string(s.AppendSubject(nil, []byte(`"a"`))))
	require.Equal(t, "floor-2_b.c.", s.Control)
	for _, name := range []string{"", "a.b", "a b", "*", ">", "$SYS", "_INBOX", "ü", strings.Repeat("a", 65)} {
		_, err := New(name)
		require.ErrorContains(t, err, "cannot use the cluster name", "%q", name)
	}
}

func TestAFilterCoversWhatItMatches(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"h.t.>", "h.t.a", true}, {"h.t.>", "h.t.a.>", true}, {"h.t.>", "h.t.>", true}, {"h.t.a", "h.t.a", true},
		{"h.t.a.>", "h.t.>", false}, {"h.t.a.>", "h.t.a", false}, {"h.t.a", "h.t.a.>", false}, {"h.t.a.>", "h.t.ab", false},
	} {
		require.Equal(t, c.want, Covers(c.a, c.b), "%s %s", c.a, c.b)
	}
}

// randomFrame is a topic of few different bytes, so that prefixes meet; now and then a long one.
func randomFrame(r *rand.Rand) []byte {
	const bytes = `""\/ab.%é $`
	out := []byte{}
	if r.IntN(8) > 0 {
		out = append(out, '"')
	}
	for range r.IntN(12) {
		out = append(out, bytes[r.IntN(len(bytes))])
	}
	switch r.IntN(8) {
	case 0:
		out = append(out, strings.Repeat("a/", r.IntN(20))...)
	case 1:
		out = append(out, strings.Repeat([]string{"b", ".", "ab/./"}[r.IntN(3)], r.IntN(1100))...)
	}
	for range r.IntN(4) {
		out = append(out, bytes[r.IntN(len(bytes))])
	}
	if r.IntN(2) > 0 {
		out = append(out, '"')
	}
	return out
}

func TestEveryTopicWithAPrefixMatchesExactlyOneOfItsFilters(t *testing.T) {
	s, r := space(t), rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		topic := randomFrame(r)
		check(t, s, topic, r.IntN(len(topic)+1))
	}
}

// check compares topic with a prefix of it.
func check(t *testing.T, s Space, topic []byte, n int) {
	subject := string(s.AppendSubject(nil, topic))
	matching := 0
	for _, f := range s.Filters(topic[:n]) {
		if matches(f, subject) {
			matching++
		}
		require.Equal(t, matches(f, subject), Covers(f, subject))
	}
	want := 1
	if !systemtopic.Reaches(topic[:n], topic) {
		want = 0
	}
	require.Equal(t, want, matching, "topic %q, prefix %q: subject %q, filters %q", topic, topic[:n], subject, s.Filters(topic[:n]))
	for _, wide := range s.Filters(topic[:n/2]) {
		for _, f := range s.Filters(topic[:n]) {
			if f[:len(s.Text)] == wide[:len(s.Text)] {
				require.True(t, Covers(wide, f), "%q covers %q", wide, f)
			}
		}
	}
}

func FuzzSubject(f *testing.F) {
	for _, seed := range []string{`"a/b"`, `"a\"b/c" `, `5`, ``, `"`, `"a//b`, strings.Repeat("a/", 17), `"` + strings.Repeat("%", 400), `"$hermes/a"`} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, topic []byte, n int) {
		s := space(t)
		subject := string(s.AppendSubject(nil, topic))
		require.True(t, valid(subject), "%q", subject)
		require.LessOrEqual(t, len(subject), len(s.Text)+MaxBytes)
		require.LessOrEqual(t, strings.Count(subject, ".")-1, MaxSegments)
		if back, ok := frame(s, subject); ok {
			want := topic
			if body, ended := cutIfString(topic); ended {
				want = topic[:len(body)+2] // what stands behind the string is not in the subject
			}
			require.True(t, bytes.Equal(want, back), "%q: %q: %q", want, subject, back)
		} else {
			require.GreaterOrEqual(t, len(topic), MaxSegments, "%q is cut: %q", topic, subject) // as many slashes are one segment more
		}
		check(t, s, topic, int(uint(n)%uint(len(topic)+1)))
	})
}

func cutIfString(frame []byte) ([]byte, bool) {
	if len(frame) == 0 || frame[0] != '"' {
		return nil, false
	}
	return cutString(frame)
}

func BenchmarkAppendSubject(b *testing.B) {
	s := space(b)
	for _, topic := range []string{`"ticks/BTCUSD"`, `"` + strings.Repeat("segment/", 15) + `x"`, `"` + strings.Repeat("segment/", 30) + `x"`} {
		b.Run(fmt.Sprintf("%dBytes", len(topic)), func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 2*MaxBytes)
			for range b.N {
				dst = s.AppendSubject(dst[:0], []byte(topic))
			}
		})
	}
}
