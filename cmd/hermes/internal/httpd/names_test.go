package httpd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReportsOfReceiversGiveNames: what a report says is bounded, and is text.
func TestReportsOfReceiversGiveNames(t *testing.T) {
	n := &names{of: map[string]string{}}
	n.add("$hermes/receiver/risk%2Fdesk/stats", []byte(`{"kind":"receiver","instance":"A"}`))
	for topic, data := range map[string]string{"$hermes/receiver/x/events": `{"instance":"B"}`, "$hermes/receiver/x/stats": `{"instance":`,
		"$hermes/receiver/y/stats": `{}`, "$hermes/receiver/z/stats": `{"instance":"B","pad":"` + strings.Repeat("x", maxNameReport) + `"}`} {
		n.add(topic, []byte(data))
	}
	require.Equal(t, map[string]string{"A": "risk/desk"}, n.known())
	for i := range 2 * maxNames {
		n.add("$hermes/receiver/x/stats", fmt.Appendf(nil, `{"instance":"%d"}`, i))
	}
	n.add("$hermes/receiver/new/stats", []byte(`{"instance":"A"}`))
	require.Len(t, n.known(), maxNames)
	require.Equal(t, "new", n.known()["A"])
}

// TestNamesNeedNoKeyThatThereIsNot: a locked post office is not asked by a receiver that it would refuse again and again.
func TestNamesNeedNoKeyThatThereIsNot(t *testing.T) {
	open := newSite(t, Config{})
	n := &names{}
	n.begin(open.Server)
	require.NotNil(t, n.receiver)
	n.end()
	require.Nil(t, n.receiver)
	closed := newSite(t, Config{}, "policy", policyOf(t, ""))
	n.begin(closed.Server)
	require.Nil(t, n.receiver)
	n.end()
}
