package core

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// keyFiles are the names of new files of keys, without their suffixes.
func keyFiles(t testing.TB, names ...string) (paths map[string]string) {
	t.Helper()
	dir := t.TempDir()
	paths = map[string]string{}
	for _, name := range names {
		pair, err := curve.Generate()
		require.NoError(t, err)
		paths[name] = filepath.Join(dir, name)
		_, _, err = pair.WriteFiles(paths[name])
		require.NoError(t, err)
	}
	return paths
}

func publicKey(t testing.TB, path string) string {
	t.Helper()
	p, err := curve.ReadPublicFile(path + ".key")
	require.NoError(t, err)
	return p.String()
}

// asClient are the options of a client.
func asClient(own, server string) []string {
	return append([]string{"curve.secret", own + ".key_secret", "curve.server", server + ".key"}, quickly...)
}

// newLockedOffice is a post office that knows some clients.
func newLockedOffice(t testing.TB, own, clients string) *PostOffice {
	t.Helper()
	return newOffice(t, "zmtp", "curve.secret", own+".key_secret", "curve.clients", clients)
}

func TestALockedClusterRelays(t *testing.T) {
	k := keyFiles(t, "office", "pub", "rec")
	po := newLockedOffice(t, k["office"], filepath.Dir(k["office"]))
	for _, engine := range engines() {
		t.Run(engine, func(t *testing.T) {
			r := newReceiver(t, engine, get(t, po, "endpoint.out"), asClient(k["rec"], k["office"])...)
			p := newPublisher(t, engine, get(t, po, "endpoint.in"), asClient(k["pub"], k["office"])...)
			require.NoError(t, r.WaitReady(soon))
			for range 100 {
				require.NoError(t, p.Publish("topic", "", []byte(`"secret"`)))
			}
			for range 100 {
				e, err := r.Recv(soon)
				require.NoError(t, err)
				require.Equal(t, `"secret"`, string(e.Data))
			}
			require.Equal(t, publicKey(t, k["pub"]), po.Stats().Publishers[0].Key)
			require.NoError(t, p.Stop(soon))
		})
	}
}

func TestAPostOfficeIsAServerWhereItBindsAndAClientElsewhere(t *testing.T) {
	k := keyFiles(t, "upstream", "office", "rec", "pub")
	upstream := newLockedOffice(t, k["upstream"], publicKey(t, k["office"])+","+publicKey(t, k["pub"]))
	po, err := NewPostOffice(">"+get(t, upstream, "endpoint.out"), "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	set(t, po, append(asClient(k["office"], k["upstream"]), "curve.clients", k["rec"]+".key")...)
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), asClient(k["rec"], k["office"])...)
	p := newPublisher(t, "zmtp", get(t, upstream, "endpoint.in"), asClient(k["pub"], k["upstream"])...)
	require.NoError(t, p.Publish("topic", "", []byte("1")))
	_, err = r.Recv(soon)
	require.NoError(t, err)
}

func TestRefusalsOfKeysFailAtOnceAndSayWhy(t *testing.T) {
	k := keyFiles(t, "office", "pub", "stranger")
	locked := newLockedOffice(t, k["office"], k["pub"]+".key")
	plain := newOffice(t, "zmtp")
	unknown := "key " + publicKey(t, k["stranger"]) + " is not known"
	for name, c := range map[string]struct {
		office  *PostOffice
		options []string
		code    Code
		says    string
		office1 string // what the event of the post office says
	}{
		"unknown key":      {locked, asClient(k["stranger"], k["office"]), EACCES, unknown, unknown},
		"wrong server key": {locked, asClient(k["pub"], k["stranger"]), EAUTH, "the server's key is not the one expected", "expects another key"},
		"no key":           {locked, quickly, EACCES, `demands the security mechanism "CURVE"`, "no security mechanism"},
		"key at a plain office": {plain, asClient(k["pub"], k["office"]), EAUTH, "no security mechanism",
			`demands the security mechanism "CURVE"`},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.office.Stats().Refused
			for _, side := range []string{"endpoint.out", "endpoint.in"} {
				at := get(t, c.office, side)
				var refused Component
				if side == "endpoint.out" {
					refused = newReceiver(t, "zmtp", at, c.options...)
				} else {
					refused = newPublisher(t, "zmtp", at, c.options...)
				}
				code(t, c.code, refused.WaitReady(soon), at+": ", c.says)
				told(t, refused, c.says)
				hears(t, c.office, c.office1) // beside what the end of an earlier peer has brought about
				require.NoError(t, refused.Close())
			}
			require.GreaterOrEqual(t, c.office.Stats().Refused, before+2)
		})
	}
	r := newReceiver(t, "zmtp", get(t, locked, "endpoint.out"), asClient(k["stranger"], k["office"])...)
	code(t, EACCES, r.WaitReady(soon), "refused by "+get(t, locked, "endpoint.out")+": "+unknown)
}

// Neither a retry nor the end of a time limit comes before the report, at either end: here both are
// an hour away, and the handshake is the first.
func TestRefusalsAreReportedByTheFirstHandshake(t *testing.T) {
	k := keyFiles(t, "office", "rec", "stranger")
	never := []string{"reconnect.min", "1h", "reconnect.max", "1h", "handshake.timeout", "1h", "heartbeat.interval", "1h", "heartbeat.timeout", "2h"}
	for name, c := range map[string]struct {
		office, client []string
		code           Code
	}{
		"unknown key":           {[]string{"curve.secret", "office", "curve.clients", "rec"}, []string{"curve.secret", "stranger", "curve.server", "office"}, EACCES},
		"no key":                {[]string{"curve.secret", "office", "curve.clients", "rec"}, []string{"curve.server", "office"}, EACCES},
		"wrong server key":      {[]string{"curve.secret", "office", "curve.clients", "rec"}, []string{"curve.secret", "rec", "curve.server", "stranger"}, EAUTH},
		"plain":                 {[]string{"curve.secret", "office", "curve.clients", "rec"}, nil, EACCES},
		"key at a plain office": {nil, []string{"curve.secret", "rec", "curve.server", "office"}, EAUTH},
	} {
		t.Run(name, func(t *testing.T) {
			office := newOffice(t, "zmtp", append(filesOf(k, c.office), never...)...)
			for side, at := range map[string]string{"receiver": get(t, office, "endpoint.out"), "publisher": get(t, office, "endpoint.in")} {
				var refused Component
				if options := append(filesOf(k, c.client), never...); side == "receiver" {
					refused = newReceiver(t, "zmtp", at, options...)
				} else {
					refused = newPublisher(t, "zmtp", at, options...)
				}
				code(t, c.code, refused.WaitReady(soon), at)
				eventOf(t, refused, "handshake_failed")
				eventOf(t, office, "handshake_failed")
			}
		})
	}
}

// filesOf puts the paths of files of keys in place of their names.
func filesOf(k map[string]string, options []string) (out []string) {
	suffix := map[string]string{"curve.secret": ".key_secret", "curve.server": ".key", "curve.clients": ".key"}
	for i := 0; i < len(options); i += 2 {
		out = append(out, options[i], k[options[i+1]]+suffix[options[i]])
	}
	return out
}

func TestARefusedReceiverConnectsOnceItsKeyIsKnown(t *testing.T) {
	k := keyFiles(t, "office", "pub", "rec")
	po := newLockedOffice(t, k["office"], k["pub"]+".key")
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), asClient(k["rec"], k["office"])...)
	code(t, EACCES, r.WaitReady(soon), "is not known")
	set(t, po, "curve.clients", filepath.Dir(k["rec"]))
	require.Eventually(t, func() bool { return r.WaitReady(10*time.Millisecond) == nil }, soon, time.Millisecond)
}

func TestUnreadableFilesOfClientKeysAreReported(t *testing.T) {
	k := keyFiles(t, "office", "rec")
	po := newLockedOffice(t, k["office"], k["rec"]+".key")
	require.NoError(t, os.WriteFile(k["rec"]+".key", []byte("public-key = half of a k"), 0o600))
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), asClient(k["office"], k["office"])...)
	code(t, EACCES, r.WaitReady(soon), "is not known")
	e := eventOf(t, po, "keys_unreadable")
	require.Equal(t, "warning", e.Level)
	require.Contains(t, e.Text, k["rec"]+".key")
}

func TestClientKeysThatNothingWouldReadAreRefusedAtRunTime(t *testing.T) {
	k := keyFiles(t, "office", "rec")
	plain := newOffice(t, "zmtp")
	code(t, ESTATE, plain.Set("curve.clients", "any"), "no server of CURVE", "stop it")
	client := newReceiver(t, "zmtp", "tcp://127.0.0.1:1", asClient(k["rec"], k["office"])...)
	code(t, ESTATE, client.Set("curve.clients", "any"), "no server of CURVE")
	both := newReceiver(t, "zmtp", "tcp://127.0.0.1:1", append(asClient(k["rec"], k["office"]), "curve.clients", "any")...)
	code(t, ESTATE, both.Set("curve.clients", "any"), "no server of CURVE")
	require.Equal(t, "any", get(t, both, "curve.clients"))
	require.NoError(t, plain.Stop(soon))
	set(t, plain, "curve.secret", k["office"]+".key_secret", "curve.clients", "any")
	require.NoError(t, plain.Start())
	set(t, plain, "curve.clients", k["rec"]+".key")
}

func TestKeysThatDoNotFitTogetherAreRefused(t *testing.T) {
	k := keyFiles(t, "own")
	for _, c := range []struct {
		options []string
		says    string
	}{
		{[]string{"curve.secret", k["own"] + ".key_secret"}, "neither curve.server"},
		{[]string{"curve.clients", "any"}, "a server needs a key"},
	} {
		r, err := NewReceiver("tcp://127.0.0.1:1", "rec")
		require.NoError(t, err)
		set(t, r, c.options...)
		code(t, EOPTION, r.Start(), `receiver "rec"`, c.says)
		require.NoError(t, r.Close())
	}
}

func TestSecretKeysAreNeverShown(t *testing.T) {
	pair, err := curve.Generate()
	require.NoError(t, err)
	text := pair.Secret().Text()
	r, err := NewReceiver("tcp://127.0.0.1:1", "rec")
	require.NoError(t, err)
	defer r.Close()
	err = r.Set("curve.secret", text)
	code(t, EOPTION, err, "curve.secret", "env:NAME")
	require.NotContains(t, err.Error(), text)
	t.Setenv("HERMES_TEST_SECRET", text)
	set(t, r, "curve.secret", "env:HERMES_TEST_SECRET")
	require.Equal(t, "env:HERMES_TEST_SECRET", get(t, r, "curve.secret"))
}

func TestAClientNeedsNoKeyOfItsOwnWhereAnyMayConnect(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		k := keyFiles(t, "office")
		po := newOffice(t, engine, "curve.secret", k["office"]+".key_secret", "curve.clients", "any")
		r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "curve.server", k["office"]+".key")
		require.NoError(t, r.WaitReady(soon))
	})
}

func TestTheSecretKeyOfARunIsWipedWhenItEnds(t *testing.T) {
	k := keyFiles(t, "office", "rec")
	po := newLockedOffice(t, k["office"], filepath.Dir(k["office"]))
	for name, options := range map[string][]string{
		"own key": asClient(k["rec"], k["office"]), "made for the run": append([]string{"curve.server", k["office"] + ".key"}, quickly...),
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), options...)
			pair := r.keys.Load().Pair
			require.NotEqual(t, curve.Secret{}, pair.Secret())
			require.NoError(t, r.Stop(soon))
			require.Equal(t, curve.Secret{}, pair.Secret())
			if name == "own key" {
				require.NoError(t, r.Start())
				require.NoError(t, r.WaitReady(soon), "the option has it still")
			}
			require.NoError(t, r.Close())
			require.Nil(t, r.network.curve.secret.Get())
		})
	}
}
