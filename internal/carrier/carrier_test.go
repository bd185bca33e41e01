package carrier

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTypesHaveTheirNamesOnTheWire(t *testing.T) {
	for typ, want := range map[Type]string{PUB: "PUB", SUB: "SUB", XPUB: "XPUB", XSUB: "XSUB", 0: "UNKNOWN"} {
		require.Equal(t, want, typ.String())
	}
}
