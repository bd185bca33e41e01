package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/core/backbone"
)

// backboneFlags are the flags of a post office that joins others.
type backboneFlags struct {
	flags                                 *pflag.FlagSet
	join, route, export, imports, durable []string
	site, cluster, listen, backlog, store string
	natsLogin
}

// natsLogin is who a command is to NATS servers, and whom it trusts.
type natsLogin struct{ creds, nkey, ca, cert, key string }

// add declares the flags; with is the flag with which they mean something.
func (l *natsLogin) add(f *pflag.FlagSet, with, cert string) {
	f.StringVar(&l.creds, "nats-creds", "", "with --"+with+": `file` with the credentials for NATS, a JWT and a seed (.creds)")
	f.StringVar(&l.nkey, "nats-nkey", "", "with --"+with+": `file` with the nkey seed for NATS")
	f.StringVar(&l.ca, "nats-ca", "", "PEM `file` with the authorities that sign the certificates of NATS servers (default those of the system)")
	f.StringVar(&l.cert, "nats-cert", "", "PEM `file` with the certificate for NATS"+cert)
	f.StringVar(&l.key, "nats-key", "", "PEM `file` with the private key of --nats-cert")
}

// addBackbone declares the flags.
func addBackbone(f *pflag.FlagSet) *backboneFlags {
	b := &backboneFlags{flags: f}
	f.StringSliceVar(&b.join, "join", nil, "join other post offices through the NATS servers at these `URLs`, nats://host:4222 or tls://host:4222, separated by commas")
	f.StringVar(&b.listen, "listen", "", "join other post offices through a NATS server inside this process, to which those of others connect at this `address`, such as :6222")
	f.StringSliceVar(&b.route, "route", nil, "with --listen: connect to the server of another post office at this `URL`, nats://host:6222; may be repeated")
	f.StringVar(&b.cluster, "cluster", backbone.DefaultCluster, "`name` that all post offices have in common that join each other")
	f.StringVar(&b.site, "site", "", "`name` of this post office among them (default the name of the host)")
	f.StringArrayVar(&b.export, "export", nil, "topic `prefix` that may leave this site; may be repeated (default everything)")
	f.StringArrayVar(&b.imports, "import", nil, "topic `prefix` that may enter this site; may be repeated (default everything)")
	f.StringArrayVar(&b.durable, "durable", nil, "topic `prefix` of messages that survive outages, and behind commas for how long, how much and how many are kept, and on how many servers: orders/,age=24h,bytes=1G,count=N,replicas=N; may be repeated")
	f.StringVar(&b.backlog, "backlog", "", "with --durable: `directory` in which messages wait while NATS is away, and behind a comma how much: DIR,bytes=1G (default a temporary directory)")
	f.StringVar(&b.store, "store", "", "`directory` in which a NATS server inside this process keeps durable topics (JetStream); without --listen it joins no others")
	b.add(f, "join", "; with --listen that of the server")
	return b
}

// needs says which flags mean nothing without one of others.
var needs = []struct {
	flag string
	one  []string
	why  string
}{
	{"route", []string{"listen"}, "it is for the NATS server inside this process; add --listen ADDRESS, or write --join for a server that runs elsewhere"},
	{"backlog", []string{"durable"}, "only messages of durable topics wait there; add --durable PREFIX"},
	{"nats-creds", []string{"join"}, "the NATS server inside this process asks for none; add --join URL, or drop it"},
	{"nats-nkey", []string{"join"}, "the NATS server inside this process asks for none; add --join URL, or drop it"},
	{"nats-cert", []string{"nats-key"}, "a certificate is of no use without its private key; add --nats-key FILE"},
	{"nats-key", []string{"nats-cert"}, "a private key is of no use without its certificate; add --nats-cert FILE"},
}

// ofBackbone are the flags that mean nothing to a post office that joins no other.
var ofBackbone = []string{"site", "cluster", "export", "import", "durable", "nats-ca", "nats-cert", "nats-key"}

// options are what the flags come to; nil without a backbone. Errors are usageErrors.
func (b *backboneFlags) options() (*backbone.Options, error) {
	if err := b.contradiction(); err != nil {
		return nil, err
	}
	joins, serves := b.flags.Changed("join"), b.flags.Changed("listen") || b.flags.Changed("store")
	if !joins && !serves {
		return nil, nil
	}
	o := &backbone.Options{Cluster: b.cluster, Site: b.site, Export: b.export, Import: b.imports, Credentials: b.creds, NKey: b.nkey}
	tls := backbone.TLS{CA: b.ca, Cert: b.cert, Key: b.key}
	var err error
	if joins {
		o.TLS = tls
		o.Servers, err = serverURLs("join", b.join, "4222")
	} else {
		o.Embedded, err = b.server(tls)
	}
	if err != nil {
		return nil, err
	}
	if o.Durable, err = durables(b.durable); err != nil {
		return nil, err
	}
	o.Backlog, err = b.backlogOf()
	return o, err
}

// contradiction is the error of flags of which one excludes another, or needs another.
func (b *backboneFlags) contradiction() error {
	changed := b.flags.Changed
	switch {
	case changed("join") && changed("listen"):
		return usageError{"--join uses NATS servers that run elsewhere, and --listen runs one inside this process; drop one of them"}
	case changed("join") && changed("store"):
		return usageError{"--store is for the NATS server inside this process, and --join uses servers that run elsewhere, which have their own; drop one of them"}
	case changed("listen") && changed("store") && !changed("route"):
		return usageError{"--listen with --store needs --route: servers that store durable topics do so together, and the first needs the URL of another one too; add --route nats://host:6222, or drop --listen if this post office is to be alone"}
	case changed("nats-creds") && changed("nats-nkey"):
		return usageError{"--nats-creds and --nats-nkey are two ways to say who this is; drop one of them"}
	}
	for _, n := range needs {
		if changed(n.flag) && !slices.ContainsFunc(n.one, changed) {
			return usageError{fmt.Sprintf("--%s needs --%s: %s", n.flag, strings.Join(n.one, " or --"), n.why)}
		}
	}
	for _, name := range ofBackbone {
		if changed(name) && !changed("join") && !changed("listen") && !changed("store") {
			return usageError{fmt.Sprintf("--%s is for a post office that joins others; add --join URL or --listen ADDRESS, or --store DIR for one that is alone", name)}
		}
	}
	for name, value := range map[string]string{
		"site": b.site, "cluster": b.cluster, "store": b.store, "backlog": b.backlog, "nats-creds": b.creds,
		"nats-nkey": b.nkey, "nats-ca": b.ca, "nats-cert": b.cert, "nats-key": b.key,
	} {
		if changed(name) && value == "" {
			return usageError{fmt.Sprintf("--%s is empty; give it a value, or drop it", name)}
		}
	}
	return nil
}

// server is what --listen and its companions say.
func (b *backboneFlags) server(tls backbone.TLS) (*backbone.Server, error) {
	listen, err := listenAddress(b.listen)
	if err != nil && b.listen != "" {
		return nil, err
	}
	routes, err := serverURLs("route", b.route, "6222")
	if err != nil {
		return nil, err
	}
	return &backbone.Server{Listen: listen, Routes: routes, Store: b.store, TLS: tls}, nil
}

// listenAddress checks the value of --listen, in which * stands for a free port.
func listenAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err == nil && port == "*" {
		return net.JoinHostPort(host, "0"), nil
	}
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		return "", usageError{fmt.Sprintf("--listen %q is no address; write it as host:6222, or :6222 for all interfaces", text)}
	}
	return text, nil
}

// serverURLs checks the URLs of NATS servers. The scheme may be missing; so may the port of what
// is joined, but not that of a route, for which NATS has no default.
func serverURLs(flag string, texts []string, port string) ([]string, error) {
	var urls []string
	for _, text := range texts {
		whole := text
		if !strings.Contains(text, "://") {
			whole = "nats://" + text
		}
		u, err := url.Parse(whole)
		like := fmt.Sprintf("write it as nats://host:%s or tls://host:%s", port, port)
		switch {
		case err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
			return nil, usageError{fmt.Sprintf("--%s %q is no URL of a NATS server; %s", flag, hidden(text), like)}
		case u.Scheme != "nats" && u.Scheme != "tls":
			return nil, usageError{fmt.Sprintf("--%s %q: NATS has no scheme %q; %s", flag, hidden(text), u.Scheme, like)}
		case u.Port() == "" && flag == "route":
			return nil, usageError{fmt.Sprintf("--route %q: the port is missing; %s", hidden(text), like)}
		}
		urls = append(urls, whole)
	}
	if len(urls) == 0 && flag == "join" {
		return nil, usageError{"--join is empty; write it as --join nats://host:4222"}
	}
	return urls, nil
}

// userOf is what a URL says of its user, which may hold a password.
var userOf = regexp.MustCompile(`[^/]*@`)

// hidden is a URL for an error text.
func hidden(text string) string { return userOf.ReplaceAllString(text, "") }

// parameter is the first of the parts behind a prefix or a directory, which itself may contain
// commas.
var parameter = regexp.MustCompile(`,[a-z]+=`)

// parameters cuts "WHAT,key=value,..." and calls set for each pair.
func parameters(flag, text string, set func(key, value string) error) (what string, err error) {
	at := parameter.FindStringIndex(text)
	if at == nil {
		return text, nil
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(text[at[0]+1:], ",") {
		key, value, _ := strings.Cut(part, "=")
		err := set(key, value)
		if err == nil && seen[key] {
			err = fmt.Errorf("%s is there twice", key)
		}
		if err != nil {
			return "", usageError{fmt.Sprintf("--%s %q: %v", flag, text, err)}
		}
		seen[key] = true
	}
	return text[:at[0]], nil
}

// durables parses the values of --durable.
func durables(texts []string) ([]backbone.Durable, error) {
	var all []backbone.Durable
	for _, text := range texts {
		var d backbone.Durable
		var err error
		d.Prefix, err = parameters("durable", text, func(key, value string) (err error) {
			switch key {
			case "age":
				d.MaxAge, err = time.ParseDuration(value)
				if err != nil || d.MaxAge <= 0 {
					return fmt.Errorf("age=%s is no duration; write it as age=24h", value)
				}
			case "bytes":
				d.MaxBytes, err = size(value)
			case "count":
				d.MaxMessages, err = positive(key, value)
			case "replicas":
				var n int64
				n, err = positive(key, value)
				d.Replicas = int(n)
			default:
				err = fmt.Errorf("there is no %s=; there are age=, bytes=, count= and replicas=", key)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other backbone.Durable) bool { return other.Prefix == d.Prefix }) {
			return nil, usageError{fmt.Sprintf("--durable %q is given twice; drop one of them", d.Prefix)}
		}
		all = append(all, d)
	}
	return all, nil
}

// backlogOf parses the value of --backlog.
func (b *backboneFlags) backlogOf() (backlog backbone.Backlog, err error) {
	backlog.Dir, err = parameters("backlog", b.backlog, func(key, value string) (err error) {
		if key != "bytes" {
			return fmt.Errorf("there is no %s=; there is bytes=", key)
		}
		backlog.MaxBytes, err = size(value)
		return err
	})
	if err == nil && b.backlog != "" && backlog.Dir == "" {
		err = usageError{fmt.Sprintf("--backlog %q names no directory; write it as DIR,bytes=1G", b.backlog)}
	}
	return backlog, err
}

func positive(key, value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s=%s is no whole number above 0", key, value)
	}
	return n, nil
}

// sizes are the units of a size, in bytes.
var sizes = map[string]int64{"": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30, "T": 1 << 40, "TiB": 1 << 40}

func size(value string) (int64, error) {
	digits := strings.TrimRight(value, "KMGTiB")
	unit, known := sizes[value[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n <= 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("bytes=%s is no size; write it as bytes=512M or bytes=1G", value)
	}
	return n * unit, nil
}
