package errs

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestErrorsAreToldApartByTheirCodes(t *testing.T) {
	cause := errors.New("a cause")
	err := fmt.Errorf("around it: %w", Errorf(EIO, "%s failed: %w", "a socket", cause))
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, &Error{Code: EIO})
	require.NotErrorIs(t, err, &Error{Code: EFULL})
	require.ErrorContains(t, err, "a socket failed: a cause")
	require.Equal(t, EIO, CodeOf(err))
	require.Equal(t, OK, CodeOf(nil))
	require.Equal(t, EINTERNAL, CodeOf(cause))
}

func TestOpenClassifiesWhatACarrierSays(t *testing.T) {
	for want, err := range map[Code]error{
		EADDRINUSE: fmt.Errorf("bind: %w", errno.EADDRINUSE),
		EADDRESS:   fmt.Errorf("%w: no such transport", carrier.ErrAddress),
		EIO:        errors.New("a reason"),
	} {
		got := Open("receiver \"r\"", err)
		require.Equal(t, want, got.Code)
		require.ErrorIs(t, got, errors.Unwrap(got))
		require.ErrorContains(t, got, `receiver "r": `)
	}
	require.Equal(t, EADDRESS, Open("r", carrier.ErrUnsupported).Code)
	require.ErrorContains(t, Open("r", errno.EMFILE), "ulimit -n")
}

func TestTextClassifiesWhatTheWireSays(t *testing.T) {
	require.Equal(t, EUTF8, Text("the topic", wire.ErrUTF8).Code)
	require.Equal(t, EJSON, Text("the data", wire.ErrJSON).Code)
	require.Equal(t, EINVAL, Text("the data", errors.New("too long")).Code)
}
