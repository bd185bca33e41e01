// Package policy says who may publish and receive which topics. It reads that from a text in TOML
// (docs/policy.md describes it), finds out which user a peer is, and answers for each user. It hides
// the format and how rules are found; it knows no sockets.
//
//	Identity   what a peer has proved to be       identity.go
//	Policy     one text: users, groups, rules     policy.go, reader.go, document.go
//	User       its verdicts on topics             user.go, node.go
//	Narrow     what is left of a subscription     narrow.go
//	Live       a policy whose files may change    live.go, watcher.go
//
// Rules:
//
//   - What no rule allows is denied, and what a rule denies is denied whatever allows it.
//   - A pattern matches the topics whose first segments are its own, * being any one segment.
//     Segments are divided by "/", and may be empty.
//   - A verdict names the line of the pattern that decides: of several the first in the file.
//   - Rules are about topics and origins as people read them: two JSON texts of the same string are
//     the same topic.
//   - A policy and its users do not change. Another text is another policy.
//
// Rules that name the same users are one set, and its patterns are a tree with a level for each
// segment. So memory grows with the text and not with users times rules, and a verdict costs a look
// at a hash table for each segment and set.
//
// There are no locks but sync.Once in a user, and those of Live.
package policy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// Policy is what one text says. It does not change, and may be used from any goroutine.
type Policy struct {
	name  string
	users map[string]*User
	peers identities
}

// identities finds the user of a peer.
type identities struct {
	keys      map[string]*User // by Z85; anyKey: every other key
	prints    map[string]*User
	names     map[string]*User // as normalName writes them
	uids      map[uint32]*User
	anonymous map[string]*User // by address; anyAddress: at every other address
}

func newIdentities() identities {
	return identities{
		map[string]*User{}, map[string]*User{}, map[string]*User{}, map[uint32]*User{}, map[string]*User{},
	}
}

// anyKey and anyAddress stand for all that are not named. Neither is a key or an address.
const (
	anyKey     = "any"
	anyAddress = ""
)

// fingerprintPrefix is what the fingerprint of a certificate's key begins with.
const fingerprintPrefix = "sha256:"

// Load reads a policy file. The name in verdicts and errors is that of the file, without its
// directory. Where the text is wrong, the error is Problems.
func Load(path string) (*Policy, error) {
	p, _, err := load(path)
	return p, err
}

// load is Load; files are as parse returns them.
func load(path string) (p *Policy, files []string, err error) {
	text, err := plainfile.Read(path, maxDocument)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the policy: %w", err)
	}
	return parse(filepath.Base(path), filepath.Dir(path), text)
}

// Identify says which user a peer is; nil is none. A peer with a key or a certificate is looked up
// by that alone: by its key; or by the fingerprint of its certificate, and then by the names, in
// their order. Any other is looked up by its uid, if it came over ipc, and then as an anonymous one:
// by its address, and then as one of any address.
func (p *Policy) Identify(i Identity) *User {
	switch {
	case i.Key != "":
		if u := p.peers.keys[i.Key]; u != nil {
			return u
		}
		return p.peers.keys[anyKey]
	case i.Fingerprint != "" || len(i.Names) > 0:
		if u := p.peers.prints[strings.ToLower(i.Fingerprint)]; u != nil {
			return u
		}
		for _, name := range i.Names {
			if u := p.peers.names[normalName(name)]; u != nil {
				return u
			}
		}
		return nil
	}
	if u := p.peers.uids[i.UID]; u != nil && i.Local {
		return u
	}
	if u := p.peers.anonymous[normalAddress(i.Address)]; u != nil {
		return u
	}
	return p.peers.anonymous[anyAddress]
}

// normalName is a name of a certificate as it is compared: host names without regard to the case of ASCII
// letters, others, which are case-sensitive at least in part, as they are. Other letters are not
// folded: U+212A, the sign for kelvin, would become a k, and one user's name another's.
func normalName(name string) string {
	if strings.ContainsAny(name, ":/@") {
		return name
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, name)
}

// Name is what the policy is called in verdicts: the name of its file.
func (p *Policy) Name() string { return p.name }

// normalAddress is an address as it is compared: without the prefix plain+, and every interface
// written as 0.0.0.0.
func normalAddress(text string) string {
	text = strings.TrimPrefix(text, "plain+")
	if port, ok := strings.CutPrefix(text, "tcp://*:"); ok {
		return "tcp://0.0.0.0:" + port
	}
	return text
}

// User is the user of a name; nil: there is none.
func (p *Policy) User(name string) *User { return p.users[name] }

// Users are the names of all users, sorted.
func (p *Policy) Users() []string {
	names := make([]string, 0, len(p.users))
	for name := range p.users {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
