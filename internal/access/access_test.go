package access

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/wire"
)

const rules = "[users.any]\nanonymous = true\n[[allow]]\nusers = [\"any\"]\npublish = [\"ticks\"]\nsubscribe = [\"ticks\"]\n"

// opened is access control with these rules, an audit log, and the rights of one peer.
type opened struct {
	*Control
	audit  string
	events []notify.Event
	peer   Peer
	rights *Rights
}

func open(t *testing.T) *opened {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(rules), 0o600))
	o := &opened{audit: filepath.Join(dir, "audit"), peer: Peer{Address: "tcp://10.0.0.1:4711"}}
	var err error
	o.Control, err = Open(Config{Who: "test", Path: path, Audit: o.audit, Emit: func(e notify.Event) { o.events = append(o.events, e) }})
	require.NoError(t, err)
	t.Cleanup(o.Control.Close)
	r, refused := o.Admit(o.peer.Identity, Publishes)
	require.Nil(t, refused)
	o.rights = r
	return o
}

// lines are those of the audit log, each of which is JSON.
func (o *opened) lines(t *testing.T) (all []entry) {
	t.Helper()
	text, err := os.ReadFile(o.audit)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var e entry
		require.True(t, wire.Valid([]byte(strings.TrimSpace(line))), line)
		require.NoError(t, wire.Unmarshal([]byte(line), &e))
		all = append(all, e)
	}
	return all
}

func (o *opened) deniedPublish(topic, origin string) string {
	v := o.rights.User.PublishFrames([]byte(topic), []byte(origin))
	return o.DeniedPublish(o.rights, o.peer, []byte(topic), []byte(origin), v, 1)
}

func TestAPeerMakesFewEventsAndLinesHoweverManyTopicsItUses(t *testing.T) {
	o := open(t)
	const n = 10_000
	for i := range n {
		o.deniedPublish(fmt.Sprintf(`"secret/%d"`, i), `"any"`)
		o.Refused(o.peer, fmt.Sprintf("key %d is not known", i))
	}
	require.Less(t, len(o.events), n/5)
	require.Less(t, len(o.lines(t)), n/5)
	messages, _ := o.Denied()
	require.EqualValues(t, n, messages)
	o.Control.Close()
	sum := uint64(0)
	for _, e := range o.lines(t) {
		if e.Action == string(Publishes) {
			sum += max(e.Count, 1)
		}
	}
	require.EqualValues(t, n, sum, "the lines count all of them")
}

func TestALongTopicIsKeptInPart(t *testing.T) {
	o := open(t)
	long := `"` + strings.Repeat("é", 1<<20) + `"`
	require.Less(t, len(o.deniedPublish(long, long)), 1000)
	o.DeniedSubscribe(o.rights, o.peer, []byte(long), policy.Verdict{})
	for _, e := range o.events {
		require.Less(t, len(e.Topic)+len(e.Origin)+len(e.Text), 4*longestText)
	}
	for r := range o.repeats {
		require.LessOrEqual(t, len(r.topic), longestText+3)
	}
}

func TestEveryLineOfTheAuditLogIsJSON(t *testing.T) {
	o := open(t)
	for _, frame := range []string{"", "\xff\x00\n", `"` + "\n" + `"`, `"a\nb"`, `"\u0000\u2028"`, "\"\xc3\"", `"`} {
		o.deniedPublish(frame, frame)
		o.DeniedSubscribe(o.rights, o.peer, []byte(frame), policy.Verdict{})
	}
	require.GreaterOrEqual(t, len(o.lines(t)), 7)
	for _, e := range o.events {
		require.NotContains(t, e.Text, "\n")
	}
}

func TestAReloadWhileClosingLeavesTheAuditLogClosed(t *testing.T) {
	o := open(t)
	o.Control.Close()
	before := o.Control.audit.file
	require.Error(t, o.Reload())
	require.Same(t, before, o.Control.audit.file)
	require.Empty(t, o.events)
}
