package carrier

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoliciesHaveTheNamesOfOptions(t *testing.T) {
	for overflow, want := range map[Overflow]string{Drop: "drop_new", Wait: "wait", DropOld: "drop_old",
		LatestPerTopic: "latest_per_topic", Block: "block", Auto: "auto"} {
		require.Equal(t, want, overflow.String())
	}
}

func TestTypesHaveTheirNamesOnTheWire(t *testing.T) {
	for typ, want := range map[Type]string{PUB: "PUB", SUB: "SUB", XPUB: "XPUB", XSUB: "XSUB", 0: "UNKNOWN"} {
		require.Equal(t, want, typ.String())
	}
}
