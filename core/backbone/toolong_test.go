package backbone

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesThatAreTooLongAreToldOnceAMinute(t *testing.T) {
	var l tooLong
	var told []uint64
	add := func(more uint64) { told = append(told, more) }
	l.tell(0, add)
	require.Empty(t, told)
	l.tell(3, add)
	l.tell(5, add)
	require.Equal(t, []uint64{3}, told)
	l.limit.Expire()
	l.tell(5, add)
	l.tell(5, add)
	require.Equal(t, []uint64{3, 2}, told)
}
