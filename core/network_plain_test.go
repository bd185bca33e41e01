package core

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// twoDoors is both sides of a post office, each with an address without security and one with.
const twoDoors = "plain+tcp://127.0.0.1:*,tcp://127.0.0.1:*"

// newOfficeWithPlain is a post office that knows all clients of a directory of keys, and takes peers
// without keys at one address of each side.
func newOfficeWithPlain(t testing.TB, own string) *PostOffice {
	t.Helper()
	po, err := NewPostOffice(twoDoors, twoDoors, "")
	require.NoError(t, err)
	set(t, po, "curve.secret", own+".key_secret", "curve.clients", filepath.Dir(own))
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	return po
}

// doors are the addresses of one side: with the prefix plain+, and without.
func doors(t testing.TB, po *PostOffice, side string) (plain, locked string) {
	t.Helper()
	both := strings.Split(get(t, po, side), ",")
	require.Len(t, both, 2)
	require.True(t, strings.HasPrefix(both[0], "plain+tcp://"), both[0])
	require.True(t, strings.HasPrefix(both[1], "tcp://"), both[1])
	return both[0], both[1]
}

// bareOf is an address as a peer of 1.x writes it.
func bareOf(address string) string { return strings.TrimPrefix(address, "plain+") }

func TestPeersWithKeysAndWithoutMeetAtOnePostOffice(t *testing.T) {
	k := keyFiles(t, "office", "peer")
	po := newOfficeWithPlain(t, k["office"])
	plainIn, lockedIn := doors(t, po, "endpoint.in")
	plainOut, lockedOut := doors(t, po, "endpoint.out")
	eachEngine(t, func(t *testing.T, engine string) {
		require.Eventually(t, func() bool { return subscribed(po.Stats()) == 0 }, soon, time.Millisecond)
		keys := asClient(k["peer"], k["office"])
		receivers := map[string]*Receiver{
			"no keys":          newReceiver(t, engine, bareOf(plainOut)),
			"keys":             newReceiver(t, engine, lockedOut, keys...),
			"keys, plain door": newReceiver(t, engine, plainOut, keys...),
		}
		publishers := map[string]*Publisher{
			"no keys":          newPublisher(t, engine, bareOf(plainIn)),
			"keys":             newPublisher(t, engine, lockedIn, keys...),
			"keys, plain door": newPublisher(t, engine, plainIn, keys...),
		}
		for name, r := range receivers {
			require.NoError(t, r.WaitReady(soon), name)
		}
		require.Eventually(t, func() bool { return subscribed(po.Stats()) == len(receivers) }, soon, time.Millisecond)
		for from, p := range publishers {
			require.NoError(t, p.WaitReady(soon), from)
			require.NoError(t, p.Publish("topic", from, []byte("1")))
			for to, r := range receivers {
				e, err := r.Recv(soon)
				require.NoError(t, err, "%s to %s", from, to)
				require.Equal(t, from, e.Origin)
			}
		}
		known := 0
		for _, p := range po.Stats().Subscribers {
			if p.Key != "" {
				known++
			}
		}
		require.Equal(t, 1, known, "one subscriber is authenticated")
	})
}

func TestTheWrongDoorIsNamed(t *testing.T) {
	k := keyFiles(t, "office", "peer")
	po := newOfficeWithPlain(t, k["office"])
	plain, locked := doors(t, po, "endpoint.out")
	keys := asClient(k["peer"], k["office"])
	for name, c := range map[string]struct {
		address string
		options []string
		code    Code
		says    string
	}{
		"keys at the plain address":      {bareOf(plain), keys, EAUTH, "no security mechanism"},
		"no keys at the locked one":      {locked, quickly, EACCES, `demands the security mechanism "CURVE"`},
		"keys that plain+ keeps from it": {"plain+" + locked, keys, EACCES, "remove plain+"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, "zmtp", c.address, c.options...)
			code(t, c.code, r.WaitReady(soon), c.says)
		})
	}
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.in"), keys...)
	told(t, r, "receivers connect to "+plain+" or "+locked)
}

func TestWithoutKeysThePrefixChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po, err := NewPostOffice("plain+tcp://127.0.0.1:*", "plain+ipc://"+shortDir(t)+"/s,tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, po, "engine", engine)
		require.NoError(t, po.Start())
		t.Cleanup(func() { _ = po.Close() })
		require.True(t, strings.HasPrefix(get(t, po, "endpoint.out"), "plain+ipc:///"), get(t, po, "endpoint.out"))
		for _, at := range strings.Split(get(t, po, "endpoint.out"), ",") {
			r := newReceiver(t, engine, at)
			require.NoError(t, r.WaitReady(soon))
			p := newPublisher(t, engine, get(t, po, "endpoint.in"))
			require.NoError(t, p.WaitReady(soon))
			publishUntil(t, p, "topic", "1", func() bool { _, err := r.Recv(10 * time.Millisecond); return err == nil })
		}
	})
}

func TestAPostOfficeThatIsPlainEverywhereIsNoServer(t *testing.T) {
	k := keyFiles(t, "office")
	po, err := NewPostOffice("plain+tcp://127.0.0.1:*", "plain+tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, "curve.secret", k["office"]+".key_secret", "curve.clients", "any")
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	code(t, ESTATE, po.Set("curve.clients", "any"), "no server of CURVE")
}

func TestThePrefixHidesNoAddressThatLeadsBack(t *testing.T) {
	a := closedPort(t)
	for _, sides := range [][2]string{{a, "plain+" + a}, {"plain+" + a, a}} {
		po, err := NewPostOffice(sides[0], sides[1], "")
		require.NoError(t, err)
		code(t, EADDRINUSE, po.Start(), "is both the incoming and the outgoing address")
		require.NoError(t, po.Close())
		po, err = NewPostOffice(">"+sides[0], sides[1], "")
		require.NoError(t, err)
		code(t, EADDRESS, po.Start(), "endlessly")
		require.NoError(t, po.Close())
	}
	_, err := NewReceiver(a+",plain+"+a, "rec")
	code(t, EADDRESS, err, "with plain+ and without")
}

// With libzmq an event names an address without the prefix.
func TestAPlainAddressThatIsLostIsFoundAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, "zmtp")
		r := newReceiver(t, engine, "plain+"+get(t, po, "endpoint.out")+",plain+"+closedPort(t), quickly...)
		require.NoError(t, r.WaitReady(soon))
		require.Eventually(t, func() bool {
			problem := get(t, r, "problem")
			return strings.Contains(problem, "connection refused") && !strings.Contains(problem, get(t, po, "endpoint.out"))
		}, soon, 10*time.Millisecond)
	})
}
