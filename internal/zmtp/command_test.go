package zmtp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorReasonIsBounded(t *testing.T) {
	p := appendError(nil, strings.Repeat("x", 1000))
	name, data, err := parseCommand(p[longHeader:])
	require.NoError(t, err)
	require.Equal(t, cmdError, name)
	require.Len(t, data, 256)
	require.Equal(t, `"abc"`, errorReason([]byte("\xffabc")))
	require.Equal(t, `""`, errorReason([]byte("\x00abc")))
}
