package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// published is what a subscriber gets of a command line of pub, as "topic data".
func published(t *testing.T, stdin string, n int, args ...string) []string {
	t.Helper()
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "-n", fmt.Sprint(n), "--format", "{{.topic}} {{json .data}}", at["out"])
	pub := start(t, strings.NewReader(stdin), append([]string{"pub", "--wait", "30s", at["in"]}, args...)...)
	var got []string
	for range n {
		got = append(got, sub.line(t))
	}
	require.Equal(t, exitOK, sub.end(t))
	pub.cancel()
	require.Equal(t, exitOK, pub.end(t), pub.stderr.String())
	return got
}

func TestPubRepeats(t *testing.T) {
	require.Equal(t, []string{"t 5", "t 5", "t 5"}, published(t, "", 3, "t", "5", "--count", "3"))
	require.Equal(t, []string{"t 1", "t 2"}, published(t, "1\n2\nthis is not read", 2, "t", "--count", "2"))
}

func TestPubRepeatsUntilItIsInterrupted(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--raw", at["out"])
	pub := start(t, nil, "pub", "--wait", "30s", at["in"], "t", "5", "--every", "1ms")
	for range 2 {
		require.Equal(t, "5", sub.line(t))
	}
	pub.cancel()
	require.Equal(t, exitOK, pub.end(t), pub.stderr.String())
	sub.cancel()
	sub.end(t) // what it prints has no reader any more
}

func TestPubFillsTemplates(t *testing.T) {
	require.Equal(t, []string{`d/1 {"n":1,"x":3}`, `d/2 {"n":2,"x":3}`},
		published(t, "", 2, "--template", "--count", "2", "d/{{n}}", `{"n": {{n}}, "x": {{random 3 3}}}`))
	require.Equal(t, []string{`log {"n":1,"text":"a \"b\""}`, `log {"n":2,"text":""}`},
		published(t, "a \"b\"\n\n", 2, "--template", "--lines", "log", `{"n": {{n}}, "text": {{json line}}}`))
	require.Equal(t, []string{"1 7", "2 8"}, published(t, "7\n8\n", 2, "--template", "{{n}}"))
}

func TestPubTakesLinesAsTheyAre(t *testing.T) {
	require.Equal(t, []string{`log "a \"b\""`, `log ""`, `log " {"`}, published(t, "a \"b\"\r\n\n {\n", 3, "--lines", "log"))
}

func TestPaceIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	j := &pubJob{ctx: ctx, o: pubFlags{every: time.Millisecond}}
	began := time.Now()
	for range 21 {
		require.NoError(t, j.pace())
	}
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
	j.next = time.Now().Add(-time.Hour)
	require.NoError(t, j.pace())
	require.WithinDuration(t, time.Now(), j.next, soon, "an hour is not made up for")
	j.o.every = time.Hour
	require.NoError(t, j.pace())
	cancel()
	require.ErrorIs(t, j.pace(), context.Canceled)
}

// TestARateIsKept: eleven envelopes have ten intervals between them.
func TestARateIsKept(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--raw", "--count", "11", at["out"])
	began := time.Now()
	code, _, err := try(t, "", "pub", "--wait", "1h", "--rate", "200", "--count", "11", "--template", at["in"], "t", "{{n}}")
	require.Equal(t, exitOK, code, err)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	require.Contains(t, err, "sent 11 envelopes")
	for n := range 11 {
		require.Equal(t, fmt.Sprint(n+1), sub.line(t))
	}
	require.Equal(t, exitOK, sub.end(t))
}

func TestReceiversAreCountedByPostOffices(t *testing.T) {
	_, at := startOffice(t)
	// A post office that publishes its counters, as those of this version do.
	p, err := core.NewPublisher(at["in"], "office")
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Start())
	start(t, nil, "sub", at["out"])
	code, _, said := try(t, "", "pub", "--wait", "1s", "--wait-receivers", "2", "--out", at["out"], at["in"], "t", "1")
	require.Equal(t, exitNothing, code)
	require.Contains(t, said, "of 2 receivers have subscribed to something")
	code, _, said = try(t, "", "pub", "--wait", "5s", "--wait-receivers", "2", at["in"], "t", "1")
	require.NotZero(t, code)
	require.Contains(t, said, "--wait-receivers needs --out ADDRESS")

	pub := start(t, nil, "pub", "--wait", "1h", "--wait-receivers", "2", "--out", at["out"], at["in"], "t", "1")
	stats, err := json.Marshal(core.PostOfficeStats{Subscribers: []core.Peer{{Subscriptions: 1}, {Subscriptions: 2}, {Subscriptions: 1}, {}}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		require.NoError(t, p.Publish("$hermes/postoffice/x/stats", "office", stats))
		return strings.Contains(pub.stderr.String(), "sent 1 envelope")
	}, soon, 10*time.Millisecond, pub.stderr.String())
	require.Equal(t, exitOK, pub.end(t))
}

func TestReceiversOfThePublisherItselfAreCounted(t *testing.T) {
	n, office := subscribed([]core.Peer{{Type: "SUB", Subscriptions: 2}, {Type: "SUB"}, {Type: "XSUB", Subscriptions: 1}})
	require.Equal(t, 1, n)
	require.True(t, office)
}

func TestMistakesOfPubAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"t", "1", "--rate", "-1"}, "--rate cannot be negative"},
		{[]string{"t", "1", "--rate", "5", "--every", "1s"}, "two ways to say the same"},
		{[]string{"t", "1", "--count", "-1"}, "cannot be negative"},
		{[]string{"t", "1", "--lines"}, "--lines takes the values from standard input"},
		{[]string{"--lines"}, "--lines needs a topic"},
		{[]string{"--template"}, "--template needs a topic"},
		{[]string{"--template", "t", "{{x}}"}, `function "x" not defined`},
		{[]string{"--template", "t", "{{n"}, "unclosed action"},
		{[]string{"--template", "t", "{{random 2 1}}"}, "2 is above 1"},
		{[]string{"--template", "t", "x{{n}}"}, "what it makes, x1 is not JSON"},
	} {
		code, _, said := try(t, "", append([]string{"pub", "--wait", "1h", "tcp://127.0.0.1:1"}, c.args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", c.args, said)
		require.Contains(t, said, c.says)
	}
}
