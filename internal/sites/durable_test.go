package sites

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// told is the texts of the events of a kind.
func (n *node) told(kind string) (texts []string) {
	for _, e := range n.events {
		if e.Kind == kind {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func TestDurableTopicsThatOnlyOneSiteHasAreToldAtBoth(t *testing.T) {
	b := newBus(t, 1)
	x, y := b.add("x", "orders/", "both/"), b.add("y", "both/", "alarms/")
	same := b.add("same", "both/", "orders/", "both/")
	b.run(5 * time.Second)
	require.Len(t, x.told("backbone_durable"), 1)
	require.Contains(t, x.told("backbone_durable")[0], `site "y" (0000000000000002) of the backbone does not have the durable topics "orders/", and has the durable topics "alarms/", which this one does not have: `)
	require.Contains(t, y.told("backbone_durable")[0], `does not have the durable topics "alarms/", and has the durable topics "orders/"`)
	require.Len(t, same.told("backbone_durable"), 1, "of y")
	b.run(5 * time.Minute)
	require.Len(t, x.told("backbone_durable"), 1, "once for each run of a site")
	y.kill()
	b.add("z", "both/")
	b.run(time.Minute)
	require.Len(t, x.told("backbone_durable"), 2)
	require.Contains(t, x.told("backbone_durable")[1], `site "z"`)
}

func TestManyDurableTopicsMakeNoHelloTooLong(t *testing.T) {
	var many []string
	for i := range 3 * maxDurable {
		many = append(many, fmt.Sprintf("%d%s", i, strings.Repeat("x", i%MaxPrefix)))
	}
	b := newBus(t, 1)
	x := b.add("x", many...)
	var offices []string
	for i := range 2 * maxOffices {
		offices = append(offices, fmt.Sprintf("%040d", i))
	}
	x.Route(offices)
	y := b.add("y")
	b.run(5 * time.Second)
	require.Equal(t, "x", y.List()[0].Name)
	require.True(t, slices.ContainsFunc(y.events, func(e notify.Event) bool { return e.Kind == "backbone_durable" && strings.Contains(e.Text, "more") }))
}
