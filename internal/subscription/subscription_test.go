package subscription

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errs"
)

// inlet notes what it is told.
type inlet struct {
	carrier.Inlet
	told   []string
	closed bool
}

func (i *inlet) Subscribe(prefix []byte) error   { return i.note("+" + string(prefix)) }
func (i *inlet) Unsubscribe(prefix []byte) error { return i.note("-" + string(prefix)) }

func (i *inlet) note(text string) error {
	if i.closed {
		return errors.New("closed")
	}
	i.told = append(i.told, text)
	return nil
}

func (i *inlet) since() (out []string) {
	out, i.told = i.told, nil
	return out
}

func TestTheSocketIsToldOfEveryChange(t *testing.T) {
	var s Set
	require.Equal(t, "every topic", s.String())
	in := &inlet{}
	s.Attach(in)
	require.Equal(t, []string{"+"}, in.since())
	require.NoError(t, s.Add([]byte(`"a`)))
	require.Equal(t, []string{`+"a`, "-"}, in.since(), "the first prefix replaces every topic")
	require.NoError(t, s.Add([]byte(`"a`)))
	require.NoError(t, s.Add([]byte(`"b`)))
	require.Equal(t, []string{`+"b`}, in.since(), "prefixes are counted")
	known, err := s.Remove([]byte(`"a`))
	require.True(t, known && err == nil)
	known, err = s.Remove([]byte(`"c`))
	require.True(t, !known && err == nil)
	require.Empty(t, in.since())
	s.Detach()
	_, _ = s.Remove([]byte(`"a`))
	require.Equal(t, `the topics that begin with "b"`, s.String())
	require.Empty(t, in.since())

	s.Attach(in)
	require.Equal(t, []string{`+"b`}, in.since())
	_, _ = s.Remove([]byte(`"b`))
	require.Equal(t, []string{`-"b`}, in.since())
	require.Equal(t, "it subscribes to nothing", s.String())
	for i := range 5 {
		require.NoError(t, s.Add(fmt.Append(nil, i)))
	}
	require.Contains(t, s.String(), "2 more")

	in.closed = true
	require.Equal(t, errs.EIO, errs.CodeOf(s.Add([]byte("x"))))
	_, err = s.Remove([]byte("1"))
	require.Equal(t, errs.EIO, errs.CodeOf(err))
}

func TestAReceiverCannotSubscribeToMoreThanAPeerAllows(t *testing.T) {
	var s Set
	for i := range MaxPrefixes {
		require.NoError(t, s.Add(fmt.Appendf(nil, "%d", i)))
	}
	err := s.Add([]byte("one too many"))
	require.Equal(t, errs.EINVAL, errs.CodeOf(err))
	require.ErrorContains(t, err, "262144")
	require.NoError(t, s.Add([]byte("7")), "once more is no more")
	_, err = s.Remove([]byte("8"))
	require.NoError(t, err)
	err = s.Add(make([]byte, MaxBytes))
	require.Equal(t, errs.EINVAL, errs.CodeOf(err))
	require.ErrorContains(t, err, "bytes")
	require.NoError(t, s.Add([]byte("one too many")))
}
