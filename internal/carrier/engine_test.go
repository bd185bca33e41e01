package carrier

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// only is a carrier for addresses with one beginning.
type only string

func (o only) Supports(address string) error {
	if strings.HasPrefix(address, string(o)) {
		return nil
	}
	return errors.New("not " + string(o))
}

func (only) OpenOutlet(OutletConfig) (Outlet, error) { return nil, nil }

func (only) OpenInlet(InletConfig) (Inlet, error) { return nil, nil }

func TestTheFirstCarrierThatServesAllAddressesIsPicked(t *testing.T) {
	var s Set
	s.Add("fast", only("tcp"))
	s.Add("wide", only(""))
	require.Equal(t, []string{"fast", "wide"}, s.Names())
	for _, c := range []struct {
		engine, addresses string
		want              Opener
		complaint         string
	}{
		{"auto", "tcp://a", only("tcp"), ""},
		{"auto", "tcp://a ipc://b", only(""), ""},
		{"wide", "tcp://a", only(""), ""},
		{"fast", "tcp://a ipc://b", nil, "fast: not tcp"},
		{"quick", "tcp://a", nil, `"quick"`},
	} {
		got, err := s.Pick(c.engine, strings.Fields(c.addresses)...)
		if c.complaint == "" {
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		} else {
			require.ErrorContains(t, err, c.complaint)
		}
	}
	_, err := s.Pick("fast", "ipc://b")
	require.ErrorIs(t, err, ErrAddress)
}
