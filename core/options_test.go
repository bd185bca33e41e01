package core

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryOptionTakesItsOwnDefault(t *testing.T) {
	p, err := NewPublisher("tcp://127.0.0.1:1", "p")
	require.NoError(t, err)
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	require.NoError(t, err)
	po, err := NewPostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "")
	require.NoError(t, err)
	n, err := NewNode("n", r, p)
	require.NoError(t, err)
	for _, component := range []Component{p, r, po, n} {
		require.NotEmpty(t, component.Options())
		for _, o := range component.Options() {
			require.NoError(t, component.Set(o.Key, o.Default))
			require.Equal(t, o.Default, get(t, component, o.Key))
			require.NotEmpty(t, o.Usage)
			if o.Key == "audit.file" { // any text is a path
				continue
			}
			if o.Key == "stats.name" { // any text is a name
				code(t, EOPTION, component.Set(o.Key, "a\x00b"), o.Key, "NUL")
				continue
			}
			if o.Key == "cache.topics" { // any text is a topic
				code(t, EOPTION, component.Set(o.Key, "\xff"), o.Key)
				continue
			}
			if o.Key == "policy" || o.Key == "audit.file" { // the path of a file that may come to be
				code(t, EOPTION, component.Set(o.Key, t.TempDir()), o.Key, "is a directory")
				continue
			}
			err := component.Set(o.Key, "no such value")
			code(t, EOPTION, err, o.Key)
			require.Equal(t, o.Key != "curve.secret" && o.Key != "tls.key", strings.Contains(err.Error(), "no such value"), "only a key is not shown")
		}
	}
}
