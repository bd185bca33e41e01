package backbone_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// crosses publishes at one site and receives at another.
func crosses(t *testing.T, from, to site) {
	t.Helper()
	r := newReceiver(t, to.office, "t")
	wanted(t, from, 1)
	p := newPublisher(t, from.office, "pub")
	publish(t, p, "t", 0, 1000)
	inOrder(t, collect(t, r, 1000), 0)
	lossless(t, r)
	balanced(t, from.backbone, from.office)
	balanced(t, to.backbone, to.office)
}

func TestTwoProcessesWithServersOfTheirOwnAreOneCluster(t *testing.T) {
	for name, secure := range map[string]backbone.TLS{"plain": {}, "tls": certificates(t)} {
		t.Run(name, func(t *testing.T) {
			a, b := newOffice(t), newOffice(t)
			first := join(t, a, backbone.Options{Site: "a", Embedded: &backbone.Server{Listen: "127.0.0.1:0", TLS: secure}})
			_, route := first.Endpoints()
			second := join(t, b, backbone.Options{Site: "b", Embedded: &backbone.Server{Listen: "127.0.0.1:0", Routes: []string{route}, TLS: secure}})
			acquainted(t, []site{{a, first}, {b, second}})
			crosses(t, site{a, first}, site{b, second})
		})
	}
}

func TestOthersMayUseTheServerOfASite(t *testing.T) {
	a, b := newOffice(t), newOffice(t)
	first := join(t, a, backbone.Options{Site: "a", Embedded: &backbone.Server{Client: "127.0.0.1:0", Store: t.TempDir()}})
	url, none := first.Endpoints()
	require.Empty(t, none)
	second := join(t, b, backbone.Options{Site: "b", Servers: []string{url}})
	crosses(t, site{b, second}, site{a, first})
	require.NoError(t, first.Close())
	nextEvent(t, second, "backbone_disconnected")
	require.Equal(t, core.ETIMEOUT, core.CodeOf(second.WaitReady(0)))
}

func TestAServerThatCannotListenIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	taken := l.Addr().String()
	a := newOffice(t)
	_, err = backbone.Join(a, backbone.Options{Embedded: &backbone.Server{Listen: "192.0.2.1:0"}})
	require.ErrorContains(t, err, "write an address of this machine")
	for want, s := range map[*backbone.Server]core.Code{
		{Listen: "192.0.2.1:0"}:                                core.EADDRESS,
		{Listen: "no such host.invalid:6222"}:                  core.EADDRESS,
		{Client: taken}:                                        core.EADDRINUSE,
		{Listen: taken}:                                        core.EADDRINUSE,
		{Client: "x"}:                                          core.EINVAL,
		{Client: "127.0.0.1:70000"}:                            core.EINVAL,
		{Listen: taken, Routes: []string{"\x00"}}:              core.EINVAL,
		{Client: "127.0.0.1:0", TLS: backbone.TLS{CA: "none"}}: core.EINVAL,
	} {
		_, err := backbone.Join(a, backbone.Options{Embedded: want})
		require.Equal(t, s, core.CodeOf(err), "%v", err)
	}
}

// TestAServerThatCannotStoreSaysWhy: at once, and not after a time in which it might.
func TestAServerThatCannotStoreSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	a := newOffice(t)
	_, err := backbone.Join(a, backbone.Options{Embedded: &backbone.Server{Store: filepath.Join(file, "store")}})
	require.Equal(t, core.EIO, core.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "not a directory")
	require.ErrorContains(t, err, "can be written to")
	_, err = backbone.Join(a, backbone.Options{Embedded: &backbone.Server{Listen: "127.0.0.1:0", Store: t.TempDir()}})
	require.Equal(t, core.EINVAL, core.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "needs Routes")
}

// TestASiteThatIsAloneKeepsDurableTopics: they are there for late receivers, and after a restart.
func TestASiteThatIsAloneKeepsDurableTopics(t *testing.T) {
	store := t.TempDir()
	o := backbone.Options{Site: "a", Embedded: &backbone.Server{Store: store}, Durable: []backbone.Durable{{Prefix: "orders/"}}}
	for run := range 2 {
		a := newOffice(t)
		at := join(t, a, o)
		publish(t, newPublisher(t, a, fmt.Sprint("pub", run)), "orders/x", 100*run, 100*run+100)
		eventually(t, "it is not stored", func() bool { return at.Stats().DurableOut == 100 })
		r := newReceiver(t, a, "orders/", "since", "all")
		inOrder(t, collect(t, r, 100*run+100), 0)
		require.NoError(t, at.Close())
		require.NoError(t, a.Close())
	}
	// A server of a cluster would delete the streams of one that was alone, and the other way round it would find none.
	o.Embedded = &backbone.Server{Store: store, Listen: "127.0.0.1:0", Routes: []string{"nats://127.0.0.1:1"}}
	_, err := backbone.Join(newOffice(t), o)
	require.ErrorContains(t, err, "was alone")
	o.Embedded.Store = t.TempDir()
	b, err := backbone.Join(newOffice(t), o)
	require.NoError(t, err)
	require.NoError(t, b.Close())
	o.Embedded = &backbone.Server{Store: o.Embedded.Store}
	_, err = backbone.Join(newOffice(t), o)
	require.ErrorContains(t, err, "has joined others")
}

func TestASiteIsToldWhyItsServerMeetsNoOther(t *testing.T) {
	a, b := newOffice(t), newOffice(t)
	first := join(t, a, backbone.Options{Site: "a", Embedded: &backbone.Server{Listen: "127.0.0.1:0"}})
	_, route := first.Endpoints()
	second := join(t, b, backbone.Options{Site: "b", Cluster: "other", Embedded: &backbone.Server{Listen: "127.0.0.1:0", Routes: []string{route}}})
	require.Contains(t, nextEvent(t, second, "backbone_problem").Text, "does not match")
}

// certificates are those of an authority for 127.0.0.1, for servers and clients.
func certificates(t *testing.T) backbone.TLS {
	a := testkit.NewAuthority(t)
	a.Issue("node")
	return backbone.TLS{CA: a.File, Cert: a.Cert("node"), Key: a.Key("node")}
}
