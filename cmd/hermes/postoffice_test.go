package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPostOfficeTellsThatTheNetworkReachesIt(t *testing.T) {
	office, _ := startOffice(t, "--in", "tcp://*:*")
	require.Eventually(t, func() bool {
		return strings.Contains(office.stderr.String(), "every program in the network may connect to tcp://0.0.0.0:")
	}, soon, time.Millisecond)
	require.NotContains(t, office.stderr.String(), "warning")
}
