package observe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRatesAreBetweenTwoReports(t *testing.T) {
	var d Directory
	d.Add("$hermes/postoffice/main/stats", []byte(`{"in_messages":100,"subscribers":[{"id":7,"dropped":1}]}`), 10, 10.5)
	d.Add("$hermes/postoffice/main/stats", []byte(`{"in_messages":140,"subscribers":[{"id":7,"dropped":5}]}`), 12, 12.25)
	c := d.List()[0]
	require.Equal(t, 20.0, c.Rate(c.Now.Office.InMessages, c.Past.Office.InMessages))
	require.Equal(t, 2.0, c.Rate(c.Now.Office.Subscribers[0].Dropped, c.Past.Office.Subscribers[0].Dropped))
	require.Equal(t, 3.0, c.Rate(6, 1000), "it has restarted")
	require.Equal(t, 0.25, c.Delay)
	require.Equal(t, uint64(2), c.Reports)
}

func TestReportsThatAreNoneAreCounted(t *testing.T) {
	var d Directory
	for topic, data := range map[string]string{
		"$hermes/postoffice/main/stats": "[", "$hermes/teapot/x/stats": "{}", "$hermes/": "{}",
		"$hermes/receiver/x": "{}", "$hermes/receiver/x/events": "3",
	} {
		d.Add(topic, []byte(data), 0, 0)
	}
	require.Equal(t, uint64(5), d.Bad)
	require.Empty(t, d.List())
	d.Add("$hermes/receiver/x/other", nil, 0, 0)
	require.Equal(t, uint64(5), d.Bad, "what later versions add")
}

func TestTheDirectoryIsBounded(t *testing.T) {
	var d Directory
	for i := range maxComponents + 2 {
		d.Add(fmt.Sprintf("$hermes/receiver/%d/stats", i), []byte("{}"), 0, float64(i))
	}
	require.Len(t, d.List(), maxComponents)
	require.Equal(t, uint64(2), d.Forgotten)
	require.NotContains(t, d.components, "receiver/0")
	for i := range maxEvents + 1 {
		d.Add("$hermes/receiver/x/events", fmt.Appendf(nil, `{"kind":"lost","count":%d}`, i), 0, 0)
	}
	events := d.Events()
	require.Len(t, events, maxEvents)
	require.Equal(t, uint64(1), events[0].Count)
	require.Equal(t, "receiver/x", events[0].Of)
}

// TestTheMemoryOfADirectoryIsBounded: without a policy every program may publish under $hermes.
func TestTheMemoryOfADirectoryIsBounded(t *testing.T) {
	var d Directory
	d.Add("$hermes/receiver/a/stats", make([]byte, maxReport+1), 0, 0)
	require.Equal(t, uint64(1), d.Bad)
	data := []byte(`{"peers":[` + strings.Repeat("{},", 99_999) + `{}]}`) // a twentieth of what it becomes
	const each = 100_001*peerMemory + 2*300_011
	require.Len(t, data, 300_011)
	for i := range 10 {
		d.Add(fmt.Sprintf("$hermes/receiver/%d/stats", i), data, 0, float64(i))
		require.LessOrEqual(t, d.memory, maxMemory)
	}
	require.Len(t, d.List(), maxMemory/each)
	require.Contains(t, d.components, "receiver/9")
	d.Add("$hermes/receiver/9/stats", data, 1, 10)
	require.Equal(t, 2*each, d.components["receiver/9"].total)
	for range 3 {
		d.Add("$hermes/receiver/9/stats", []byte("{}"), 1, 10)
	}
	sum := 0
	for _, c := range d.components {
		sum += c.total
	}
	require.Equal(t, sum, d.memory)
}
