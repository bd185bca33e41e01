package backbone_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// file writes a file, and gives its path.
func file(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// seed is a new key of a user.
func seed(t *testing.T) (key nkeys.KeyPair, public string, secret []byte) {
	t.Helper()
	key, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err = key.PublicKey()
	require.NoError(t, err)
	secret, err = key.Seed()
	require.NoError(t, err)
	return key, public, secret
}

// decorated makes a .creds file for a user of an account that a server knows.
func decorated(t *testing.T, o *server.Options) string {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	require.NoError(t, err)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	operatorPublic, _ := operator.PublicKey()
	accountPublic, _ := account.PublicKey()
	_, user, secret := seed(t)
	claims := jwt.NewAccountClaims(accountPublic)
	text, err := claims.Encode(operator)
	require.NoError(t, err)
	resolver := &server.MemAccResolver{}
	require.NoError(t, resolver.Store(accountPublic, text))
	o.TrustedKeys, o.AccountResolver = []string{operatorPublic}, resolver
	userText, err := jwt.NewUserClaims(user).Encode(account)
	require.NoError(t, err)
	creds, err := jwt.FormatUserConfig(userText, secret)
	require.NoError(t, err)
	return file(t, creds)
}

// TestASiteShowsNATSWhoItIs: and without that it does not come in, but goes on trying.
func TestASiteShowsNATSWhoItIs(t *testing.T) {
	_, public, secret := seed(t)
	_, _, wrong := seed(t)
	withKey := &server.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}}
	withCreds := &server.Options{}
	creds := decorated(t, withCreds)
	secure := certificates(t)
	for name, c := range map[string]struct {
		server    *server.Options
		good, bad backbone.Options
	}{
		"nkey":        {withKey, backbone.Options{NKey: file(t, secret)}, backbone.Options{NKey: file(t, wrong)}},
		"credentials": {withCreds, backbone.Options{Credentials: creds}, backbone.Options{NKey: file(t, wrong)}},
		"tls":         {&server.Options{}, backbone.Options{TLS: secure}, backbone.Options{TLS: backbone.TLS{CA: secure.CA}}},
	} {
		t.Run(name, func(t *testing.T) {
			url := ""
			if name == "tls" {
				owner := join(t, newOffice(t), backbone.Options{Site: "c", Embedded: &backbone.Server{Client: "127.0.0.1:0", TLS: secure}})
				url, _ = owner.Endpoints()
			} else {
				url = natsServer(t, c.server).ClientURL()
			}
			join := func(o backbone.Options, site string) (*core.PostOffice, *backbone.Backbone) {
				po := newOffice(t)
				o.Servers, o.Site = []string{url}, site
				b, err := backbone.Join(po, o)
				require.NoError(t, err)
				t.Cleanup(func() { _ = b.Close() })
				return po, b
			}
			a, atA := join(c.good, "a")
			b, atB := join(c.good, "b")
			require.NoError(t, atA.WaitReady(soon))
			require.NoError(t, atB.WaitReady(soon))
			_, other := join(c.bad, "x")
			nextEvent(t, other, "backbone_problem")
			require.Equal(t, core.ETIMEOUT, core.CodeOf(other.WaitReady(0)))
			r := newReceiver(t, b, "t")
			eventually(t, "b is not heard", func() bool { return atA.Stats().InterestRemote == 1 })
			publish(t, newPublisher(t, a, "pub"), "t", 0, 100)
			inOrder(t, collect(t, r, 100), 0)
		})
	}
}

func TestOptionsThatDoNotFitAreRefused(t *testing.T) {
	po := newOffice(t)
	url := []string{"nats://127.0.0.1:1"}
	missing := filepath.Join(t.TempDir(), "none")
	text := file(t, []byte("text"))
	for want, o := range map[string]backbone.Options{
		"either Servers":     {},
		"either Servers,":    {Servers: url, Embedded: &backbone.Server{}},
		"cluster name":       {Servers: url, Cluster: "a.b"},
		"cannot be called":   {Servers: url, Site: "\xff"},
		"cannot be negative": {Servers: url, QueueMessages: -1},
		"Import":             {Servers: url, Import: []string{"\xff"}},
		"Export":             {Servers: url, Export: []string{"\xff"}},
		"both":               {Servers: url, NKey: text, Credentials: text},
		"credentials":        {Servers: url, Credentials: missing},
		"nkey":               {Servers: url, NKey: text},
		"authorities":        {Servers: url, TLS: backbone.TLS{CA: missing}},
		"no certificate in":  {Servers: url, TLS: backbone.TLS{CA: text}},
		"only one of":        {Servers: url, TLS: backbone.TLS{Cert: text}},
		"the certificate":    {Servers: url, TLS: backbone.TLS{Cert: text, Key: text}},
		"cannot join":        {Servers: []string{"nats://[::1"}},
	} {
		_, err := backbone.Join(po, o)
		require.ErrorContains(t, err, want)
		require.NotEqual(t, core.EINTERNAL, core.CodeOf(err), "%v", err)
	}
}

func TestExportAndImportBoundWhatCrosses(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a, b := newOffice(t), newOffice(t)
	atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a", Export: []string{"out/", "both/"}})
	atB := join(t, b, backbone.Options{Servers: []string{url}, Site: "b", Import: []string{"both/", "in/x"}})
	r := newReceiver(t, b, "")
	wanted(t, site{a, atA}, 1) // of "both/" and "in/", what may leave a
	here := newReceiver(t, a, "")
	p := newPublisher(t, a, "pub")
	for range 10 {
		for _, topic := range []string{"out/x", "both/x", "in/x", "none"} {
			require.NoError(t, p.Publish(topic, "", []byte("1")))
		}
	}
	collect(t, here, 40)
	for _, e := range collect(t, r, 10) {
		require.Equal(t, "both/x", e.Topic)
	}
	nothing(t, r)
	s := balanced(t, atA, a)
	require.EqualValues(t, []any{20, 10, 10}, []any{int(s.DroppedDenied), int(s.Unwanted), int(s.OutMessages)})
	require.EqualValues(t, 10, balanced(t, atB, b).InMessages)

	// NATS also brings what another site wants of the same level.
	c := newOffice(t)
	atC := join(t, c, backbone.Options{Servers: []string{url}, Site: "c"})
	q := newReceiver(t, c, "")
	other := newReceiver(t, b, "in/")
	wanted(t, site{c, atC}, 3)
	pub := newPublisher(t, c, "pub2")
	publish(t, pub, "in/y", 0, 10)
	publish(t, pub, "in/x", 0, 10)
	inOrder(t, collect(t, other, 10), 0)
	require.EqualValues(t, 10, balanced(t, atB, b).DroppedDeniedIn)
	collect(t, q, 20)
}

// TestThePolicyHoldsAtTheDoorsOfASite: what a user may not receive is not subscribed to at other sites.
func TestThePolicyHoldsAtTheDoorsOfASite(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	const policy = `[users.any]
anonymous = true
origins = ["pub2"]
[[allow]]
users = ["any"]
publish = ["mine"]
subscribe = ["open"]
`
	path := file(t, []byte(policy))
	a, b := newOffice(t), newOffice(t, "engine", "zmtp", "policy", path)
	atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a"})
	atB := join(t, b, backbone.Options{Servers: []string{url}, Site: "b"})
	r := newReceiver(t, b, "")
	wanted(t, site{a, atA}, 2) // the topic open, and what is below it
	all := newReceiver(t, a, "")
	wanted(t, site{b, atB}, 1)
	p := newPublisher(t, a, "pub")
	for _, topic := range []string{"closed/x", "open/x", "mine/x"} {
		publish(t, p, topic, 0, 10)
	}
	collect(t, all, 30)
	for _, e := range collect(t, r, 10) {
		require.Equal(t, "open/x", e.Topic)
	}
	nothing(t, r)
	q := newPublisher(t, b, "pub2")
	publish(t, q, "closed/x", 0, 10)
	publish(t, q, "mine/x", 0, 10)
	for _, e := range collect(t, all, 10) {
		require.Equal(t, "mine/x", e.Topic)
	}
	require.EqualValues(t, 10, balanced(t, atA, a).InMessages)
	balanced(t, atB, b)
}
