package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// feed publishes lines beside a test, once the subscribers of the post office listen, and returns
// what a subscriber has printed when it has ended.
func feed(t *testing.T, lines string, args ...string) (out []string, code int, said string) {
	t.Helper()
	_, at := startOffice(t)
	args = append([]string{"sub", at["out"]}, args...)
	sub := start(t, nil, args...)
	code, _, err := try(t, lines, "pub", "--wait", "30s", at["in"])
	require.Equal(t, exitOK, code, "%s\n%s", err, sub.stderr.String())
	for line := range sub.lines {
		out = append(out, line)
	}
	return out, sub.end(t), sub.stderr.String()
}

const prices = `{"topic":"ticks/EUR","origin":"a","data":{"price":1.08,"book":[{"size":3}],"who":"x.y"}}
{"topic":"ticks/GBP","origin":"b","data":{"price":1.3,"book":[]}}
{"topic":"news","origin":"a","data":"$(touch owned)"}
{"topic":"ticks/EUR","origin":"a","data":{"price":NaN}}
{"topic":"end","origin":"z","data":0}
`

func TestSubSelects(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"topic and origin": {[]string{"-n", "2", "--origin", "a", "--origin", "b", "--raw", "ticks/"}, []string{`{"price":1.08,"book":[{"size":3}],"who":"x.y"}`, `{"price":1.3,"book":[]}`}},
		"exclude":          {[]string{"-n", "2", "--raw", "--exclude", "ticks/G", "--exclude", "end", "--exclude", "ticks/E"}, []string{`"$(touch owned)"`}},
		"where": {[]string{"-n", "1", "--raw", "--where", `origin == "b" or topic startsWith "news" and data contains "owned"`},
			[]string{`{"price":1.3,"book":[]}`}},
		"where in data": {[]string{"-n", "1", "--fields", "topic", "--where", `topic startsWith "ticks/" and data.price > 1.1`}, []string{`{"topic":"ticks/GBP"}`}},
		"fields": {[]string{"-n", "2", "--fields", "topic,price,book.0.size,data.who,lost"},
			[]string{`{"topic":"ticks/EUR","price":1.08,"book.0.size":3,"data.who":"x.y","lost":0}`, `{"topic":"ticks/GBP","price":1.3,"book.0.size":null,"data.who":null,"lost":0}`}},
		"fields keep NaN": {[]string{"-n", "2", "--exclude", "news", "--exclude", "ticks/GBP", "--fields", "price"}, []string{`{"price":1.08}`, `{"price":NaN}`}},
		"format":          {[]string{"-n", "1", "--format", `{{.topic}} {{round 3 .data.price}} {{json .origin}}`}, []string{`ticks/EUR 1.080 "a"`}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "exclude" {
				c.args[1] = "1"
			}
			out, code, said := feed(t, prices, c.args...)
			require.Equal(t, exitOK, code, said)
			require.Equal(t, c.want, out)
		})
	}
}

func TestWhatCannotBeComputedIsLeftOutAndCounted(t *testing.T) {
	out, code, said := feed(t, prices, "-n", "1", "--raw", "--where", "data.price > 1.1 or topic == 'end'")
	require.Equal(t, exitOK, code, said)
	require.Equal(t, []string{`{"price":1.3,"book":[]}`}, out)
	out, code, said = feed(t, prices, "-n", "1", "--raw", "--where", "data > -1")
	require.Equal(t, exitOK, code, said)
	require.Equal(t, []string{"0"}, out)
	require.Contains(t, said, "--where could not be computed for 4 envelopes, which were left out: invalid operation")
}

func TestExecIsGivenTheEnvelope(t *testing.T) {
	t.Chdir(t.TempDir())
	evil := `{"topic":"a b; touch owned","origin":"$(touch owned)","data":"` + "`touch owned`" + `"}`
	out, code, said := feed(t, evil+"\n"+`{"topic":"c","origin":"o","data":[1,2]}`, "-n", "2",
		"--exec", `printf '%s|%s|%s|' "$HERMES_TOPIC" "$HERMES_ORIGIN" "$HERMES_LOST"; cat`)
	require.Equal(t, exitOK, code, said)
	require.Equal(t, []string{"a b; touch owned|$(touch owned)|0|\"`touch owned`\"", "c|o|0|[1,2]"}, out)
	require.NoFileExists(t, "owned")

	_, code, said = feed(t, prices, "-n", "3", "--exec", `test "$HERMES_ORIGIN" = b`)
	require.Equal(t, exitIncomplete, code)
	require.Contains(t, said, "the command of --exec failed for 2 envelopes: exit status 1, for the topic ticks/EUR")
}

func TestSubEndsInTime(t *testing.T) {
	_, at := startOffice(t)
	for _, flag := range []string{"--timeout", "--idle"} {
		code, out, said := try(t, "", "sub", flag, "10ms", at["out"])
		require.Equal(t, exitNothing, code)
		require.Empty(t, out)
		require.Contains(t, said, "nothing came within ")
	}
	code, _, said := try(t, "", "sub", "--timeout", "1s", "tcp://127.0.0.1:1")
	require.Equal(t, exitNothing, code)
	require.Contains(t, said, "connection refused")

	j := &subJob{o: subFlags{count: 3}, printed: 1}
	require.EqualError(t, j.timedOut(), "1 of 3 envelopes came in time")
	require.Equal(t, exitIncomplete, codeOf(j.timedOut()))
	j.printed = 3
	require.NoError(t, j.timedOut())
}

func TestARefusalEndsSubThatHasALimit(t *testing.T) {
	newKeys(t, "office", "known", "stranger")
	_, at := startOffice(t, "--set", "curve.secret=office.key_secret", "--set", "curve.clients=known.key")
	for _, flag := range []string{"--timeout", "--idle", "--last"} {
		args := []string{"sub", at["out"], "--set", "curve.secret=stranger.key_secret", "--set", "curve.server=office.key", flag}
		if flag != "--last" {
			args = append(args, "1h")
		}
		code, out, said := try(t, "", args...)
		require.Equal(t, exitRefused, code, said)
		require.Empty(t, out)
		require.Contains(t, said, "refused by tcp://")
	}
}

func TestADeniedTopicIsARefusal(t *testing.T) {
	j := &subJob{refused: refusalsOf([]string{"news/", "orders/"})}
	nothing := nothingCame("nothing came")
	require.Equal(t, nothing, j.conclude(nothing))
	const text = "user desk may not subscribe to orders/ (policy.toml, line 3)"
	j.refused.hear(core.Event{Kind: "denied", Text: "user desk may not subscribe to orders (policy.toml, line 3)"})
	require.Equal(t, nothing, j.conclude(nothing), "it did not ask for that")
	j.refused.hear(core.Event{Kind: "denied", Text: text})
	require.Equal(t, exitRefused, codeOf(j.conclude(nothing)))
	require.EqualError(t, j.conclude(nothing), text)
	require.False(t, j.refused.total(), "news/ may come")
	require.NoError(t, j.conclude(nil))
	j.printed = 1
	require.Equal(t, nothing, j.conclude(nothing), "of another topic, then")
}

func TestLossesAreInTheStream(t *testing.T) {
	var text strings.Builder
	j := &subJob{o: subFlags{lost: true, raw: true, exclude: []string{"b"}}, out: bufio.NewWriter(&text), layout: dataLine}
	for _, v := range []core.View{{Topic: []byte("a"), Data: []byte("1")}, {Topic: []byte("a"), Origin: []byte("o"), Data: []byte("5"), Lost: 3},
		{Topic: []byte("b"), Data: []byte("2"), Lost: 1}} {
		require.NoError(t, j.one(&v))
	}
	require.NoError(t, j.out.Flush())
	require.Equal(t, `1
{"lost":3,"topic":"a","origin":"o"}
5
{"lost":1,"topic":"b","origin":""}
`, text.String(), "of an envelope that is not printed too")
	require.Equal(t, 2, j.printed)
}

func TestTheLastValuesAreThoseOfTheCache(t *testing.T) {
	_, at := startOffice(t, "--set", "cache.depth=2")
	lines := strings.ReplaceAll(prices, "NaN", "7")
	code, _, err := try(t, lines, "pub", "--wait", "30s", at["in"])
	require.Equal(t, exitOK, code, err)
	code, out, said := try(t, "", "sub", "--last", "--fields", "topic,price", at["out"], "ticks/")
	require.Equal(t, exitOK, code, said)
	require.ElementsMatch(t, []string{`{"topic":"ticks/EUR","price":7}`, `{"topic":"ticks/GBP","price":1.3}`}, strings.Split(strings.TrimSpace(out), "\n"))

	_, bare := startOffice(t)
	code, out, said = try(t, "", "sub", "--last", "--idle", "10ms", bare["out"])
	require.Equal(t, exitNothing, code)
	require.Empty(t, out)
	require.Contains(t, said, "cache.depth")
	code, _, said = try(t, "", "sub", "--last", "--timeout", "10ms", "tcp://127.0.0.1:1")
	require.Equal(t, exitNothing, code, said)
}

func TestMistakesOfSubAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--where", "data.price >"}, "--where: unexpected token EOF"},
		{[]string{"--where", "price > 1"}, "unknown name price"},
		{[]string{"--where", "topic"}, "expected bool"},
		{[]string{"--format", "{{.topic"}, "--format: format:1: unclosed action"},
		{[]string{"--format", "{{tpoic}}"}, `"tpoic" not defined`},
		{[]string{"--raw", "--format", "x"}, "--format and --raw are ways to print the same envelope"},
		{[]string{"--exec", " "}, "--exec is empty"},
		{[]string{"--timeout", "-1s"}, "--timeout cannot be negative"},
		{[]string{"--idle", "-1s"}, "--idle cannot be negative"},
	} {
		code, _, said := try(t, "", append([]string{"sub", "tcp://127.0.0.1:1"}, c.args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", c.args, said)
		require.Contains(t, said, c.says)
	}
}
