package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core/backbone"
)

// backboneOf parses the flags of a post office.
func backboneOf(t *testing.T, args ...string) (*backbone.Options, error) {
	t.Helper()
	f := pflag.NewFlagSet("postoffice", pflag.ContinueOnError)
	b := addBackbone(f)
	require.NoError(t, f.Parse(args))
	return b.options()
}

func TestAPostOfficeAloneHasNoBackbone(t *testing.T) {
	o, err := backboneOf(t)
	require.NoError(t, err)
	require.Nil(t, o)
}

func TestTheFlagsOfAPostOfficeThatJoins(t *testing.T) {
	o, err := backboneOf(t, "--join", "nats://a:4222,b:4222", "--join=tls://c", "--site", "north", "--cluster", "plant",
		"--export", "ticks/", "--export=news/", "--import", "a,b/", "--nats-creds", "me.creds", "--nats-ca", "ca.pem",
		"--nats-cert", "me.pem", "--nats-key", "me.key", "--durable", "orders/", "--durable",
		"a,b/,age=24h,bytes=1G,count=7,replicas=3", "--backlog", "/var/x,y,bytes=512MiB")
	require.NoError(t, err)
	require.Equal(t, &backbone.Options{
		Servers: []string{"nats://a:4222", "nats://b:4222", "tls://c"}, Cluster: "plant", Site: "north",
		Export: []string{"ticks/", "news/"}, Import: []string{"a,b/"}, Credentials: "me.creds",
		TLS:     backbone.TLS{CA: "ca.pem", Cert: "me.pem", Key: "me.key"},
		Durable: []backbone.Durable{{Prefix: "orders/"}, {Prefix: "a,b/", MaxAge: 24 * time.Hour, MaxBytes: 1 << 30, MaxMessages: 7, Replicas: 3}},
		Backlog: backbone.Backlog{Dir: "/var/x,y", MaxBytes: 512 << 20},
	}, o)
}

func TestTheFlagsOfAPostOfficeWithAServer(t *testing.T) {
	o, err := backboneOf(t, "--listen", ":6222", "--route", "nats://other:6222,third:6222", "--store", "/var/js",
		"--nats-ca", "ca.pem", "--nats-cert", "me.pem", "--nats-key", "me.key", "--durable", "", "--backlog", "dir")
	require.NoError(t, err)
	require.Equal(t, &backbone.Options{
		Cluster: backbone.DefaultCluster,
		Embedded: &backbone.Server{
			Listen: ":6222", Routes: []string{"nats://other:6222", "nats://third:6222"}, Store: "/var/js",
			TLS: backbone.TLS{CA: "ca.pem", Cert: "me.pem", Key: "me.key"},
		},
		Durable: []backbone.Durable{{}}, Backlog: backbone.Backlog{Dir: "dir"},
	}, o)
	o, err = backboneOf(t, "--store", "/var/js", "--durable", "a/")
	require.NoError(t, err)
	require.Equal(t, &backbone.Server{Store: "/var/js"}, o.Embedded, "one that is alone")
	o, err = backboneOf(t, "--listen", "[::1]:*")
	require.NoError(t, err)
	require.Equal(t, "[::1]:0", o.Embedded.Listen, "a free port")
}

// TestMistakesOfABackboneAreNamed: each ends the command before it starts anything.
func TestMistakesOfABackboneAreNamed(t *testing.T) {
	join := []string{"--join", "nats://127.0.0.1:1"}
	listen := []string{"--listen", "127.0.0.1:6222"}
	for _, c := range []struct {
		name string
		with []string
		args []string
		says string
	}{
		{"two ways", join, listen, "drop one of them"},
		{"two identities", join, []string{"--nats-creds", "a", "--nats-nkey", "b"}, "--nats-creds and --nats-nkey"},
		{"route of a server elsewhere", join, []string{"--route", "nats://b:6222"}, "--route needs --listen"},
		{"store of a server elsewhere", join, []string{"--store", "d"}, "which have their own"},
		{"store of one server that waits for others", listen, []string{"--store", "d"}, "--listen with --store needs --route"},
		{"route from a server that is alone", nil, []string{"--store", "d", "--route", "nats://b:6222"}, "--route needs --listen"},
		{"route alone", nil, []string{"--route", "nats://b:6222"}, "--route needs --listen"},
		{"credentials for oneself", listen, []string{"--nats-creds", "a"}, "--nats-creds needs --join"},
		{"nkey for oneself", listen, []string{"--nats-nkey", "a"}, "--nats-nkey needs --join"},
		{"backlog of nothing", join, []string{"--backlog", "d"}, "--backlog needs --durable"},
		{"certificate without key", join, []string{"--nats-cert", "a"}, "add --nats-key"},
		{"key without certificate", join, []string{"--nats-key", "a"}, "add --nats-cert"},
		{"site of no backbone", nil, []string{"--site", "a"}, "--site is for a post office that joins others"},
		{"cluster of no backbone", nil, []string{"--cluster", "hermes"}, "add --join URL or --listen ADDRESS, or --store DIR"},
		{"export from no backbone", nil, []string{"--export", "a/"}, "--export is for a post office that joins"},
		{"import from no backbone", nil, []string{"--import", "a/"}, "--import is for a post office that joins"},
		{"durable alone", nil, []string{"--durable", "a/"}, "--durable is for a post office that joins"},
		{"authority alone", nil, []string{"--nats-ca", "a"}, "--nats-ca is for a post office that joins"},
		{"empty site", join, []string{"--site="}, "--site is empty"},
		{"empty cluster", join, []string{"--cluster="}, "--cluster is empty"},
		{"nowhere", nil, []string{"--join="}, "--join is empty"},
		{"no host", nil, []string{"--join", "nats://:4222"}, `--join "nats://:4222" is no URL`},
		{"no NATS", nil, []string{"--join", "tcp://a:4222"}, `NATS has no scheme "tcp"; write it as nats://host:4222`},
		{"path", nil, []string{"--join", "nats://me:secret@a:4222/x"}, `--join "nats://a:4222/x" is no URL`},
		{"bad port", nil, []string{"--join", "a:x"}, `--join "a:x" is no URL`},
		{"route without port", listen, []string{"--route", "nats://b"}, "the port is missing; write it as nats://host:6222"},
		{"address without port", nil, []string{"--listen", "a"}, "write it as host:6222"},
		{"address with a bad port", nil, []string{"--listen", ":70000"}, `--listen ":70000" is no address`},
		{"URL to listen at", nil, []string{"--listen", "nats://a:6222"}, "is no address"},
		{"durable of what", join, []string{"--durable", "a/,colour=red"}, "--durable \"a/,colour=red\": there is no colour=; there are age="},
		{"durable for how long", join, []string{"--durable", "a/,age=24"}, "age=24 is no duration; write it as age=24h"},
		{"durable for less than nothing", join, []string{"--durable", "a/,age=-1s"}, "age=-1s is no duration"},
		{"durable size", join, []string{"--durable", "a/,bytes=1Gi"}, "bytes=1Gi is no size"},
		{"durable size that is none", join, []string{"--durable", "a/,bytes=9000000T"}, "is no size"},
		{"durable number", join, []string{"--durable", "a/,count=x"}, "count=x is no whole number"},
		{"durable replicas", join, []string{"--durable", "a/,replicas=0"}, "replicas=0 is no whole number above 0"},
		{"durable twice the same", join, []string{"--durable", "a/", "--durable", "a/,age=1h"}, `--durable "a/" is given twice`},
		{"one limit twice", join, []string{"--durable", "a/,count=1,count=2"}, "count is there twice"},
		{"half a limit", join, []string{"--durable", "a/,count=1,x"}, "there is no x="},
		{"backlog of how much", join, []string{"--durable", "a/", "--backlog", "d,age=1h"}, "there is no age=; there is bytes="},
		{"backlog nowhere", join, []string{"--durable", "a/", "--backlog", ",bytes=1G"}, "names no directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*"}, c.with...)
			code, out, err := try(t, "", append(args, c.args...)...)
			require.Equal(t, exitUsage, code, err)
			require.Contains(t, err, c.says)
			require.NotContains(t, err, "secret")
			require.Empty(t, out)
		})
	}
}

// site runs a post office with a NATS server inside, which connects to those of others.
func site(t *testing.T, name string, others ...map[string]string) (c *running, at map[string]string) {
	t.Helper()
	args := []string{"--site", name, "--listen", "127.0.0.1:*", "--stats", "10ms"}
	for _, other := range others {
		args = append(args, "--route", other["backbone"])
	}
	c, at = startOffice(t, args...)
	require.Regexp(t, `^nats://127\.0\.0\.1:[1-9]\d+$`, at["backbone"])
	return c, at
}

// counted waits for counters of which something is true.
func (c *running) counted(t *testing.T, right func(backbone.Stats) bool) backbone.Stats {
	t.Helper()
	for {
		var stats struct{ Backbone *backbone.Stats }
		require.NoError(t, json.Unmarshal([]byte(c.line(t)), &stats))
		require.NotNil(t, stats.Backbone)
		if right(*stats.Backbone) {
			return *stats.Backbone
		}
	}
}

func TestTwoCommandsAreOneCluster(t *testing.T) {
	north, atNorth := site(t, "north")
	south, atSouth := site(t, "south", atNorth)
	sub := start(t, nil, "sub", "--count", "1", atSouth["out"], "news/")
	require.Eventually(t, func() bool {
		code, _, _ := try(t, "", "pub", "--wait", "1s", atNorth["in"], "news/today", `"hello"`)
		return code == exitOK
	}, soon, time.Millisecond)
	require.Contains(t, sub.line(t), `"data":"hello"`)
	require.Equal(t, exitOK, sub.end(t))
	s := north.counted(t, func(s backbone.Stats) bool { return s.OutMessages > 0 })
	require.Equal(t, "north", s.Site)
	require.Equal(t, backbone.DefaultCluster, s.Cluster)
	require.True(t, s.Connected)
	south.counted(t, func(s backbone.Stats) bool { return s.InMessages > 0 })
	for _, c := range []*running{north, south} {
		require.Contains(t, c.stderr.String(), "is connected to the backbone")
		c.cancel()
		for range c.lines { // it prints its last counters
		}
		require.Equal(t, exitOK, c.end(t))
		require.Contains(t, c.stderr.String(), "has left the backbone")
	}
}

func TestAPostOfficeAloneHasNoCountersOfABackbone(t *testing.T) {
	office, at := startOffice(t, "--stats", "10ms")
	require.NotContains(t, at, "backbone")
	require.NotContains(t, office.line(t), `"backbone"`)
}

func TestAnAddressInUseEndsThePostOffice(t *testing.T) {
	_, at := site(t, "north")
	taken := strings.TrimPrefix(at["backbone"], "nats://")
	code, out, err := try(t, "", "postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--listen", taken)
	require.Equal(t, exitError, code, err)
	require.Contains(t, err, taken)
	require.Empty(t, out)
}

func TestAPostOfficeSaysThatNoServerAnswers(t *testing.T) {
	office, _ := startOffice(t, "--join", "nats://me:secret@127.0.0.1:1", "--stats", "10ms")
	office.says(t, "is not connected to the backbone at nats://127.0.0.1:1")
	office.says(t, ": see that a NATS server runs there, and lets this site in; it goes on trying")
	require.NotContains(t, office.stderr.String(), "secret")
	require.False(t, office.counted(t, func(backbone.Stats) bool { return true }).Connected)
}
