package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// bigPolicy is a policy of 1,000 users and 10,000 rules; peers without identity are the user feed,
// which may publish and receive a pattern, and not receive denied, if that is not "".
func bigPolicy(t testing.TB, pattern, denied string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("[users.feed]\nanonymous = true\n")
	for i := range 999 {
		fmt.Fprintf(&b, "[users.u%d]\nuids = [%d]\n", i, 100_000+i)
	}
	for i := range 9_998 {
		fmt.Fprintf(&b, "[[allow]]\nusers = [\"u%d\"]\npublish = [\"area%d/*/x\"]\nsubscribe = [\"area%d\"]\n", i%999, i, i)
	}
	fmt.Fprintf(&b, "[[allow]]\nusers = [\"feed\"]\npublish = [%q]\nsubscribe = [%q]\norigins = [\"*\"]\n", pattern, pattern)
	if denied != "" {
		fmt.Fprintf(&b, "[[deny]]\nusers = [\"feed\"]\nsubscribe = [%q]\n", denied)
	}
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// BenchmarkPolicy relays envelopes of many topics through a post office, with and without a policy
// of 10,000 rules and 1,000 users: with all of ticks allowed, where few messages are looked at, and with a
// pattern and a denied part, where each is.
func BenchmarkPolicy(b *testing.B) {
	policies := []struct{ name, path string }{
		{"without", ""}, {"with", bigPolicy(b, "ticks", "")}, {"each", bigPolicy(b, "ticks/*/x", "ticks/secret")},
	}
	for _, topics := range []int{1, 100_000} {
		for _, policy := range policies {
			b.Run(fmt.Sprintf("topics=%d/%s", topics, policy.name), func(b *testing.B) {
				po := newOffice(b, "zmtp", "policy", policy.path)
				r, err := NewReceiver(get(b, po, "endpoint.out"), "rec")
				require.NoError(b, err)
				set(b, r, "queue.full", "block")
				require.NoError(b, r.Subscribe("ticks/"))
				require.NoError(b, r.Start())
				defer r.Close()
				p := newPublisher(b, "zmtp", get(b, po, "endpoint.in"))
				require.NoError(b, p.WaitReady(soon))
				names := make([]string, topics)
				for i := range names {
					names[i] = fmt.Sprintf("ticks/%d/x", i)
				}
				data := []byte(`[187.23,100]`)
				b.ReportAllocs()
				began := testkit.ProcessorTime(b)
				for b.Loop() {
					go func() {
						for i := range 500_000 {
							if err := p.Publish(names[i%topics], "", data); err != nil {
								b.Error(err)
								return
							}
						}
					}()
					for n := 0; n < 500_000; {
						d, err := r.Take(10_000, soon)
						require.NoError(b, err)
						n += d.Len()
						d.Release()
					}
				}
				b.ReportMetric(float64((testkit.ProcessorTime(b)-began).Nanoseconds())/float64(b.N*500_000), "cpu-ns/envelope")
				require.Zero(b, po.Stats().DroppedDenied)
			})
		}
	}
}
