package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
	"github.com/hermes-zmq/hermes/core"
)

// reportingOffice is startOffice with a post office that reports often.
func reportingOffice(t *testing.T) map[string]string {
	t.Helper()
	_, at := startOffice(t, "--set", "stats.interval=20ms", "--set", "stats.name=hub/1")
	return at
}

func TestPeersListsConnections(t *testing.T) {
	at := reportingOffice(t)
	sub := start(t, nil, "sub", at["out"], "a/", "b/")
	code, _, err := try(t, "", "pub", "--wait", "60s", at["in"], "a/1", "1")
	require.Equal(t, exitOK, code, err)
	sub.line(t)
	code, out, err := try(t, "", "peers", at["out"], "--sort", "topics")
	require.Equal(t, exitOK, code, err)
	var first peerRow
	require.NoError(t, json.Unmarshal([]byte(strings.Split(out, "\n")[0]), &first))
	require.Equal(t, "postoffice/hub/1", first.Of)
	require.Equal(t, "subscriber", first.Role)
	require.Equal(t, 2, first.Subscriptions)
	require.Equal(t, uint64(1), first.Total)
}

func TestNoReportIsSaid(t *testing.T) {
	_, at := startOffice(t, "--set", "stats.interval=0")
	code, _, err := try(t, "", "peers", at["out"], "--timeout", "50ms")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "no report of a post office came")
}

func TestRowsOfPeersAreBetweenTwoReports(t *testing.T) {
	office := func(sent, dropped uint64, held float64) observe.Figures {
		return observe.Figures{Office: &core.PostOfficeStats{
			Publishers:  []core.Peer{{ID: 1, Role: "publisher", Received: 10 * sent, Throttled: held}},
			Subscribers: []core.Peer{{ID: 1, Role: "subscriber", Sent: sent, Dropped: dropped, QueueMessages: 500_000}}}}
	}
	components := []observe.Component{
		{Kind: "postoffice", Name: "hub", Interval: 2, Received: 100, Past: office(100, 0, 1), Now: office(300, 4, 2)},
		{Kind: "publisher", Name: "p", Interval: 1, Received: 80, Now: observe.Figures{Publisher: &core.PublisherStats{Queued: 1, PublisherCounters: core.PublisherCounters{Sent: 5, DroppedFull: 2}}}},
		{Kind: "receiver", Name: "r", Interval: 1, Received: 100, Now: observe.Figures{Receiver: &core.ReceiverStats{Delivered: 7, Lost: 3}}},
	}
	rows := peerRows(components, 100)
	require.Len(t, rows, 4)
	require.Equal(t, 1000.0, rows[0].Rate)
	require.Equal(t, 0.5, rows[0].Throttled)
	require.Equal(t, 100.0, rows[1].Rate)
	require.Equal(t, 2.0, rows[1].DroppedRate)
	require.InDelta(t, 0.5, rows[1].Queue, 1e-9)
	require.True(t, rows[1].drops())
	require.False(t, rows[0].drops())
	require.Equal(t, 20.0, rows[2].Silent)
	require.Equal(t, uint64(2), rows[2].Dropped)
	require.Equal(t, 3.0, rows[3].LostRate)

	sortPeers(rows, peerColumns[3], false)
	require.Equal(t, "subscriber", rows[0].Role, "the fullest queue")
	sortPeers(rows, peerColumns[3], true)
	require.Equal(t, "subscriber", rows[3].Role)
}
