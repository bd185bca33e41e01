package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPropertiesOfAReady(t *testing.T) {
	var p []byte
	for _, x := range [][2]string{{"Identity", ""}, {"x-hermes", "2"}, {"Socket-Type", "SUB"}, {"X-Other", "value"}} {
		p = appendProperty(p, x[0], x[1])
	}
	peer, err := parseReady(p)
	require.NoError(t, err)
	require.Equal(t, []string{"SUB", "2"}, []string{peer.socketType, peer.hermes})
	for n := range p {
		peer, err := parseReady(p[:n])
		if err == nil {
			require.Contains(t, "SUB2", peer.socketType+peer.hermes)
		}
	}
	peer, err = parseReady(appendProperty(nil, propHermes, string(make([]byte, 10_000))))
	require.NoError(t, err)
	require.Len(t, peer.hermes, maxVersion)
}
