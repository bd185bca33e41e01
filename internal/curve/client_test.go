package curve

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsOfServersAreSorted(t *testing.T) {
	for reason, want := range map[string]Cause{
		ReasonServerKey: CauseServerKey, "400": CauseClientKey, ReasonUnknownKey: CauseClientKey,
		reasonNoPublisher: CauseClientKey, reasonNoReceiver: CauseClientKey,
		"500": CauseRefused, "": CauseRefused, "too many peers": CauseRefused,
	} {
		c := NewClient(manualPair(t, manualClientSecret), manualPair(t, manualServerSecret).Public, nil)
		_, err := c.Receive(nameError, append([]byte{byte(len(reason))}, reason...))
		var refused *Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Cause, "%q", reason)
	}
}

func TestLengthsInAnErrorAreNotTrusted(t *testing.T) {
	for _, data := range [][]byte{nil, {9}, {9, 'x'}} {
		c := NewClient(manualPair(t, manualClientSecret), manualPair(t, manualServerSecret).Public, nil)
		_, err := c.Receive(nameError, data)
		require.Error(t, err)
	}
}

func FuzzClientRefusesAnyCommand(f *testing.F) {
	f.Add(true, make([]byte, welcomeSize))
	f.Add(false, make([]byte, readyLeast))
	f.Fuzz(func(t *testing.T, first bool, p []byte) {
		c, name := NewClient(manualPair(t, manualClientSecret), manualPair(t, manualServerSecret).Public, nil), nameWelcome
		if _, err := c.Hello(); err != nil {
			t.Fatal(err)
		}
		if !first {
			c.stage, name = awaitReady, nameReady
		}
		if _, err := c.Receive(name, p); err == nil {
			t.Fatal("a forged command was accepted")
		}
	})
}
