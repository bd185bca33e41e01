package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStepSetsTheTimeOfDayAlone(t *testing.T) {
	before, monotonic := TimeOfDay(), Monotonic()
	Step(time.Hour)
	defer Step(0)
	require.GreaterOrEqual(t, TimeOfDay().Sub(before), time.Hour)
	require.Less(t, Monotonic()-monotonic, time.Hour)
}

func TestSecondsHaveMicroseconds(t *testing.T) {
	require.Equal(t, 1517670000.5, Seconds(time.UnixMicro(1517670000_500000)))
	require.Equal(t, -0.000001, Seconds(time.UnixMicro(-1)))
}
