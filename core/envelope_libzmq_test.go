//go:build cgo && !nolibzmq

package core

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBothCarriersSayTheSame sends the same random traffic through either carrier,
// and compares what comes out.
func TestBothCarriersSayTheSame(t *testing.T) {
	const n = 3000
	var outcomes []string
	for _, engine := range engines() {
		random := rand.New(rand.NewPCG(8, 9))
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		all := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		for _, topic := range []string{"a", "b/", "\u00e9"} {
			require.NoError(t, r.Subscribe(topic))
		}
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		for _, receiver := range []*Receiver{r, all} {
			publishUntil(t, p, "\u00e9/begin", "0", func() bool {
				_, err := receiver.Recv(soon / 100)
				return err == nil
			})
		}
		for i := range n {
			topic := []string{"a", "aa/x", "b", "b/y", "c", "\u00e9/z", ""}[random.IntN(7)]
			data := fmt.Sprintf(`[%d, "%s"]`, i, strings.Repeat("x", 1<<random.IntN(14)))
			require.NoError(t, p.Publish(topic, fmt.Sprint("origin", random.IntN(3)), []byte(data)))
		}
		require.NoError(t, p.Publish("a", "end", []byte("0")))
		var out strings.Builder
		for _, receiver := range []*Receiver{r, all} {
			lost := uint64(0)
			for {
				e, err := receiver.Recv(soon)
				require.NoError(t, err, "%s", receiver.StatsJSON())
				if e.Origin == "end" {
					break
				}
				if !strings.HasSuffix(e.Topic, "begin") {
					fmt.Fprintln(&out, e.Topic, e.Origin, string(e.Data))
				}
				lost += uint64(e.Lost)
			}
			require.Zero(t, lost)
		}
		outcomes = append(outcomes, out.String())
	}
	require.Len(t, outcomes, 2)
	require.True(t, outcomes[0] == outcomes[1], "the carriers differ")
	require.Greater(t, strings.Count(outcomes[0], "\n"), n)
}
