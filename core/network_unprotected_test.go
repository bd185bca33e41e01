package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// unprotected are the events of that kind that the start of a component has brought about.
func unprotected(t *testing.T, c Component) (found []Event) { return ofStart(t, c, "unprotected") }

// ofStart are the events of a kind that the start of a component has brought about.
func ofStart(t *testing.T, c Component, kind string) (found []Event) {
	t.Helper()
	require.Equal(t, "started", eventOf(t, c, "started").Kind)
	for {
		e, err := c.NextEvent(0)
		if err != nil {
			return found
		}
		if e.Kind == kind {
			found = append(found, e)
		}
	}
}

func TestAnOpenAddressBesideLockedOnesIsWarnedOfOnceAStart(t *testing.T) {
	k := keyFiles(t, "office")
	po, err := NewPostOffice("plain+tcp://*:*,tcp://0.0.0.0:*,plain+tcp://127.0.0.1:*", "tcp://0.0.0.0:*", "plain+tcp://[::]:*")
	require.NoError(t, err)
	t.Cleanup(func() { _ = po.Close() })
	set(t, po, "curve.secret", k["office"]+".key_secret", "curve.clients", "any")
	for range 2 {
		require.NoError(t, po.Start())
		found := unprotected(t, po)
		require.Len(t, found, 1)
		at := strings.Split(get(t, po, "endpoint.in"), ",")[0] + " and " + get(t, po, "endpoint.debug")
		require.Equal(t, notify.Warning, found[0].Level)
		require.Contains(t, found[0].Text, `post office "plain+tcp://*:*`)
		require.Contains(t, found[0].Text, "may connect to "+at+", without a key: remove plain+")
		require.Contains(t, found[0].Text, "bind to 127.0.0.1")
		require.Equal(t, strings.ReplaceAll(at, " and ", ","), found[0].Address)
		require.NoError(t, po.Stop(soon))
	}
}

func TestAnOpenAddressWithoutAnyKeysIsNoWarning(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po, err := NewPostOffice("tcp://*:*", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		r, err := NewReceiver("@tcp://0.0.0.0:*", "rec")
		require.NoError(t, err)
		p, err := NewPublisher("@tcp://*:*,>"+closedPort(t), "pub")
		require.NoError(t, err)
		for _, c := range []Component{po, r, p} {
			t.Cleanup(func() { _ = c.Close() })
			set(t, c, "engine", engine)
			require.NoError(t, c.Start())
			found := unprotected(t, c)
			require.Len(t, found, 1)
			require.Equal(t, notify.Info, found[0].Level)
			require.Contains(t, found[0].Text, "tcp://0.0.0.0:")
			require.Contains(t, found[0].Text, "set curve.secret and curve.clients")
		}
	})
}

func TestWhatOthersDoNotReachOrIsLockedIsNotReported(t *testing.T) {
	k := keyFiles(t, "office")
	locked := []string{"curve.secret", k["office"] + ".key_secret", "curve.clients", "any"}
	for name, c := range map[string]struct {
		address string
		options []string
	}{
		"loopback":        {"@tcp://127.0.0.1:*,@tcp://[::1]:*,@tcp://localhost:*,@tcp://lo:*", nil},
		"plain, loopback": {"@plain+tcp://127.0.0.1:*", locked},
		"locked":          {"@tcp://*:*", locked},
		"ipc":             {"@ipc://*,@plain+ipc://@hermes-unprotected", locked},
		"connected":       {"plain+tcp://192.0.2.1:1", locked},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReceiver(c.address, "rec")
			require.NoError(t, err)
			defer r.Close()
			set(t, r, c.options...)
			require.NoError(t, r.Start())
			require.Empty(t, unprotected(t, r))
		})
	}
}

func TestAStartThatFailsReportsNoOpenAddress(t *testing.T) {
	taken := closedPort(t)
	holder := newReceiver(t, "zmtp", "@"+taken)
	po, err := NewPostOffice(taken, "tcp://*:*", "")
	require.NoError(t, err)
	defer po.Close()
	code(t, EADDRINUSE, po.Start())
	_, err = po.NextEvent(time.Millisecond)
	require.Error(t, err)
	require.NoError(t, holder.Close())
}

func TestAKeyFileThatEveryUserCanReadIsWarnedOfOnceAStart(t *testing.T) {
	k, a := keyFiles(t, "office"), testkit.NewAuthority(t)
	a.Issue("office")
	both := filepath.Join(a.Dir, "both.pem")
	var texts []byte
	for _, file := range []string{a.Cert("office"), a.Key("office")} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts = append(texts, text...)
	}
	require.NoError(t, os.WriteFile(both, texts, 0o600))
	curve := []string{"curve.secret", k["office"] + ".key_secret", "curve.clients", "any"}
	for name, c := range map[string]struct {
		at, file string
		options  []string
	}{
		"CURVE":                   {"tcp://127.0.0.1:*", k["office"] + ".key_secret", curve},
		"TLS":                     {"tls://127.0.0.1:*", a.Key("office"), certified(a, "office")},
		"key and certificate":     {"tls://127.0.0.1:*", both, []string{"tls.cert", both}},
		"a certificate is public": {"tls://127.0.0.1:*", a.Cert("office"), certified(a, "office")},
	} {
		t.Run(name, func(t *testing.T) {
			po, err := NewPostOffice(c.at, c.at, "")
			require.NoError(t, err)
			t.Cleanup(func() { _ = po.Close() })
			set(t, po, c.options...)
			for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1} {
				if name == "a certificate is public" {
					want = 0
				}
				require.NoError(t, os.Chmod(c.file, mode))
				require.NoError(t, po.Start())
				found := ofStart(t, po, "key_readable")
				require.Len(t, found, want)
				if want == 1 {
					require.Equal(t, notify.Warning, found[0].Level)
					require.Contains(t, found[0].Text, `post office "`+c.at)
					require.Contains(t, found[0].Text, "chmod 600 "+c.file)
				}
				require.NoError(t, po.Stop(soon))
			}
			require.NoError(t, os.Chmod(c.file, 0o600))
		})
	}
}
