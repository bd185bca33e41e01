package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusalsShowTopicsAsTheyCanBeRead(t *testing.T) {
	p, err := Parse("policy.toml", "", []byte("[users.desk-2]\nuids = [1]\n[[deny]]\nusers = [\"*\"]\npublish = [\"ticks\"]\n"))
	require.NoError(t, err)
	u := p.User("desk-2")
	for topic, want := range map[string]string{
		"ticks/":                  "user desk-2 may not publish ticks/ (policy.toml, line 5)",
		"":                        `user desk-2 may not publish "" (no rule of policy.toml allows it)`,
		"a\nb":                    `user desk-2 may not publish "a\nb" (no rule of policy.toml allows it)`,
		"Zürich":                  "user desk-2 may not publish Zürich (no rule of policy.toml allows it)",
		strings.Repeat("x", 1000): `user desk-2 may not publish "` + strings.Repeat("x", longestTopic) + `..." (no rule of policy.toml allows it)`,
	} {
		require.Equal(t, want, u.Refusal("publish", topic, u.Publish(topic, "desk-2")))
	}
}

func TestFramesThatAreNotJSONAreDenied(t *testing.T) {
	p, err := Parse("p", "", []byte("[users.a]\nuids = [1]\n[[allow]]\nusers = [\"*\"]\npublish = [\"\"]\nsubscribe = [\"\"]\norigins = [\"*\"]\n"))
	require.NoError(t, err)
	u := p.User("a")
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	for _, frame := range []string{"", " ", "a", `"a`, `"a" b`, "\"\xff\"", `"\x"`, "[", deep} {
		for _, v := range []Verdict{u.PublishFrames([]byte(frame), []byte(`"a"`)), u.PublishFrames([]byte(`"a"`), []byte(frame)), u.SubscribeFrame([]byte(frame))} {
			require.Equal(t, Verdict{File: "p", cause: notJSON}, v)
			require.Equal(t, "it is not a JSON text", v.Reason())
		}
	}
	for _, frame := range []string{`"a"`, "5", "null", "[1, 2]", ` {"a": NaN} `} {
		require.True(t, u.PublishFrames([]byte(frame), []byte(frame)).Allowed)
		require.True(t, u.SubscribeFrame([]byte(frame)).Allowed)
	}
}

func TestVerdictsAllocateNothing(t *testing.T) {
	u := oneUser(t, 1000)
	topic, escaped, origin := []byte(`"quotes/x/11/11"`), []byte(`"quotes/\u00e9/11/11"`), []byte(`"a"`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !u.PublishFrames(topic, origin).Allowed || !u.PublishFrames(escaped, origin).Allowed || u.SubscribeFrame(topic).Allowed {
			t.Error("wrong verdict")
		}
		if u.Publish("none/of/them", "a").Allowed || u.Publish("quotes/x/11/11", "b").Allowed || u.Subscribe("quotes").Allowed {
			t.Error("wrong verdict")
		}
	}))
}

// A message that is refused may have any bytes as its topic and origin, and no origin at all.
func TestAnyFrameHasAText(t *testing.T) {
	for frame, text := range map[string]string{
		"": "", " ": " ", `"`: `"`, `"a`: `"a`, `"\`: `"\`, `"\u12"`: `"\u12"`, `"\"`: `"\"`, `"\ud83d\u"`: `"\ud83d\u"`,
		`"a"`: "a", `"\u0061"`: "a", "5": "5", "\xff": "\uFFFD",
	} {
		require.Equal(t, text, Text([]byte(frame)), "%q", frame)
	}
	require.Empty(t, Text(nil))
}

func BenchmarkVerdict(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "100": 100, "10000": 10_000} {
		u := oneUser(b, n)
		topic, origin := []byte(`"ticks/0/0/last"`), []byte(`"a"`)
		if n > 1 {
			topic = []byte(`"quotes/eur/11/11"`)
		}
		b.Run("patterns="+name, func(b *testing.B) {
			for b.Loop() {
				if !u.PublishFrames(topic, origin).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
	p, err := Parse("policy.toml", "", big())
	require.NoError(b, err)
	u, topic := p.User("user-11"), []byte(`"quotes/eur/11"`)
	b.Run("policy=big", func(b *testing.B) {
		for b.Loop() {
			u.SubscribeFrame(topic)
		}
	})
}
