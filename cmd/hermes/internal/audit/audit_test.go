package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told gives an Auditor the states of a publisher, a post office and a receiver, several times.
func told(change func(round int, p, o, r *string)) (*Auditor, time.Time) {
	a, now := New(), time.Unix(1000, 0)
	for round := range settled + 1 {
		p := `{"kind":"publisher","name":"p","state":"running","instance":"P","accepted":10,"sent":10,
			"peers":[{"role":"subscriber","instance":"O","sent":10,"sent_system":2}],"ended":[]}`
		o := `{"kind":"post office","name":"x","state":"running","instance":"O","in_messages":10,"out_messages":8,"unwanted":2,
			"publishers":[{"role":"publisher","instance":"P","received":10,"received_system":2}],
			"subscribers":[{"role":"subscriber","instance":"R","sent":9,"sent_system":1}],"ended":[]}`
		r := `{"kind":"receiver","name":"r","state":"running","instance":"R","arrived":9,"delivered":8,"dropped_stale":1,
			"peers":[{"role":"publisher","instance":"O","received":9,"received_system":1}],"ended":[]}`
		change(round, &p, &o, &r)
		for topic, data := range map[string]string{"publisher/p": p, "postoffice/o": o, "receiver/r": r} {
			if data != "" {
				a.Add("$hermes/"+topic+"/stats", []byte(data), float64(round+1), now)
			}
		}
		now = now.Add(100 * time.Millisecond)
	}
	return a, now.Add(-100 * time.Millisecond)
}

func TestABalanceWithoutLossExplainsEverything(t *testing.T) {
	a, now := told(func(int, *string, *string, *string) {})
	r := a.Report(now)
	require.True(t, r.Still)
	require.Zero(t, r.Unexplained)
	require.Empty(t, r.Problems)
	require.Len(t, r.Links, 2)
	require.Equal(t, Link{From: "publisher/p", To: "postoffice/o", Sent: 8, Received: 8, Losses: []Loss{}}, r.Links[0])
	require.EqualValues(t, 8, r.Accepted)
	require.EqualValues(t, 8, r.Delivered)
	require.Equal(t, []Loss{{"dropped_stale", 1}, {"unwanted", 2}}, r.Losses)
}

// TestWhatIsMissingIsFoundWhereItIs: between two parts, and inside each.
func TestWhatIsMissingIsFoundWhereItIs(t *testing.T) {
	replace := func(s *string, before, after string) { *s = strings.Replace(*s, before, after, 1) }
	for name, c := range map[string]struct {
		change func(p, o, r *string)
		where  string
		n      int64
	}{
		"publisher to post office":  {func(_, o, _ *string) { replace(o, `"received":10`, `"received":9`) }, "publisher/p > postoffice/o", 1},
		"post office to receiver":   {func(_, _, r *string) { replace(r, `"received":9`, `"received":7`) }, "postoffice/o > receiver/r", 2},
		"a copy too many":           {func(_, _, r *string) { replace(r, `"received":9`, `"received":12`) }, "postoffice/o > receiver/r", -3},
		"inside the publisher":      {func(p, _, _ *string) { replace(p, `"accepted":10`, `"accepted":13`) }, "publisher/p", 3},
		"inside the post office":    {func(_, o, _ *string) { replace(o, `"out_messages":8`, `"out_messages":7`) }, "postoffice/o", 1},
		"inside the receiver":       {func(_, _, r *string) { replace(r, `"delivered":8`, `"delivered":4`) }, "receiver/r", 4},
		"read and never arrived":    {func(_, _, r *string) { replace(r, `"arrived":9,"delivered":8`, `"arrived":8,"delivered":7`) }, "receiver/r", 1},
		"sent and on no connection": {func(p, _, _ *string) { replace(p, `"accepted":10,"sent":10`, `"accepted":11,"sent":11`) }, "publisher/p", 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, now := told(func(_ int, p, o, r *string) { c.change(p, o, r) })
			report := a.Report(now)
			found := map[string]int64{}
			for _, p := range report.Parts {
				if p.Unexplained != 0 {
					found[p.Kind+"/"+p.Name] = p.Unexplained
					require.NotEmpty(t, p.What)
				}
			}
			for _, l := range report.Links {
				if l.Unexplained != 0 {
					found[l.From+" > "+l.To] = l.Unexplained
				}
			}
			require.Equal(t, c.n, found[c.where], "%v", found)
		})
	}
}

// TestWhatABrokenConnectionHeldHasAName: and what came behind the last state of one that is gone.
func TestWhatABrokenConnectionHeldHasAName(t *testing.T) {
	a, now := told(func(_ int, _, o, _ *string) {
		*o = strings.Replace(*o, `"received":10`, `"received":4`, 1)
		*o = strings.Replace(*o, `"in_messages":10,"out_messages":8`, `"in_messages":5,"out_messages":3`, 1)
		*o = strings.Replace(*o, `"ended":[]`, `"ended":[{"role":"publisher","instance":"P","connections":1,"received":1}]`, 1)
	})
	r := a.Report(now)
	require.Zero(t, r.Unexplained, "%+v", r)
	require.Contains(t, r.Losses, Loss{"broken_connection", 5})

	a, now = told(func(round int, _, o, r *string) {
		if round > 0 {
			*r = ""
		}
		*o = strings.Replace(*o, `"sent":9`, `"sent":15`, 1)
	})
	require.False(t, a.Still(now), "it may only be late")
	report := a.Report(now.Add(10 * leastGone))
	require.Contains(t, report.Losses, Loss{"after_the_last_state", 6})
	require.Zero(t, report.Unexplained)
	require.True(t, report.Parts[2].Gone)
}

func TestWhatCannotBeReadIsAProblem(t *testing.T) {
	a := New()
	now := time.Unix(1, 0)
	a.Add("$hermes/receiver/old/stats", []byte(`{"kind":"receiver"}`), 1, now)
	a.Add("$hermes/receiver/bad/stats", []byte(`5`), 1, now)
	a.Add("$hermes/receiver/r/events", []byte(`{}`), 1, now)
	a.Add("ticks", []byte(`{}`), 1, now)
	r := a.Report(now)
	require.Empty(t, r.Parts)
	require.False(t, r.Still)
	require.Len(t, r.Problems, 2)
	require.Contains(t, fmt.Sprint(r.Problems), "has no instance")
}

// TestWhatComesTwiceCountsOnce: over two post offices, say.
func TestWhatComesTwiceCountsOnce(t *testing.T) {
	a, now := told(func(int, *string, *string, *string) {})
	before := a.parts["P"].same
	a.Add("$hermes/publisher/p/stats", []byte(`{"kind":"publisher","instance":"P","state":"stopping"}`), 1, now)
	require.Equal(t, before, a.parts["P"].same)
	require.False(t, a.parts["P"].gone(now))
}

// TestWhatIsForgedDoesNoHarm: without a policy every program may publish below $hermes/.
func TestWhatIsForgedDoesNoHarm(t *testing.T) {
	now := time.Unix(1, 0)
	for _, ts := range []float64{0, -5} {
		a := New()
		a.Add("$hermes/publisher/p/stats", []byte(`{"kind":"publisher","instance":"P","state":"running"}`), ts, now)
		require.Len(t, a.Report(now).Parts, 1, "at %v", ts)
	}
	a := New()
	for i := range 2 * maxParts {
		a.Add("$hermes/publisher/p/stats", fmt.Appendf(nil, `{"kind":"publisher","instance":"%d","state":"running"}`, i), 1, now)
		a.Add(fmt.Sprintf("$hermes/publisher/%d/stats", i), []byte(`5`), 1, now)
	}
	a.Add("$hermes/publisher/p/stats", []byte(`{"instance":"large","name":"`+strings.Repeat("x", maxState)+`"}`), 1, now)
	require.Len(t, a.parts, maxParts)
	r := a.Report(now)
	require.Len(t, r.Problems, maxWrong+1)
	require.Contains(t, fmt.Sprint(r.Problems), fmt.Sprintf("%d envelopes are left out", 3*maxParts-maxWrong+1))
}
