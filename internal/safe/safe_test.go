package safe

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestGoReportsThePanic(t *testing.T) {
	cause := errors.New("the cause")
	got := make(chan error, 1)
	deferred := false
	Go(func(err error) { got <- err }, func() {
		defer func() { deferred = true }()
		panic(cause)
	})
	err := testkit.Receive(t, got, "the report")
	require.True(t, deferred, "deferred calls run before the report")
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "panic: the cause")
	require.ErrorContains(t, err, "TestGoReportsThePanic", "the stack tells where")
}

func TestGoIsSilentWithoutPanic(t *testing.T) {
	done := make(chan struct{})
	Go(func(err error) { t.Errorf("reported %v", err) }, func() { close(done) })
	testkit.Receive(t, done, "the function")
}

func TestPanicInTheReportIsContained(t *testing.T) {
	reported := 0
	Do(func(error) {
		reported++
		panic("again")
	}, func() { panic(1) })
	require.Equal(t, 1, reported)
	require.NotPanics(t, func() { Do(nil, func() { panic("not reported") }) })
}
