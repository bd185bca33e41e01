package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestAGreetingIsCheckedByteByByte(t *testing.T) {
	for end := range greetingSize + 1 {
		require.NoError(t, checkGreeting(greeting(1)[:end]), "%d bytes", end)
	}
	require.NoError(t, checkMechanism(greeting(1), &nullMechanism{}))
	old := greeting(1)
	old[majorAt] = 2
	for end := range greetingSize + 1 {
		err := checkGreeting(old[:end])
		require.Equal(t, end > majorAt, err != nil, "%d bytes", end)
		if err != nil {
			require.Equal(t, carrier.CauseNotZMTP, carrier.CauseOf(err))
		}
	}
}

func TestTheMinorVersionSpokenIsTheLowerOne(t *testing.T) {
	for theirs, want := range []byte{0, 1, 1, 1} {
		require.Equal(t, want, peerMinor(greeting(byte(theirs))))
	}
}
