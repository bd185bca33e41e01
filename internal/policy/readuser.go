package policy

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// identityKeys are the keys of a user that say which peers it is.
var identityKeys = []string{"keys", "certificates", "names", "uids", "anonymous"}

// readUser reads [users.NAME].
func (r *reader) readUser(name string, v *value) {
	t := v.table
	what := "user " + name
	u := &User{name: name, file: r.policy.name, origins: map[string]struct{}{}}
	r.users[name] = &userEntry{u, v.line}
	r.policy.users[name] = u
	r.ordered = append(r.ordered, u)
	r.onlyKeys(t, what, append(slices.Clone(identityKeys), "origins")...)
	if !slices.ContainsFunc(identityKeys, func(key string) bool { return t.values[key] != nil }) {
		r.wrong(v.line, "%s has none of %s, so no peer can be it; write keys = [] where that is meant", what, list(identityKeys))
	}
	for _, text := range r.texts(t, what, "keys", "clients/"+name+".key") {
		r.readKey(u, text)
	}
	for _, text := range r.texts(t, what, "certificates", "sha256:...") {
		print := strings.ToLower(text.text)
		digits, ok := strings.CutPrefix(print, fingerprintPrefix)
		if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != 32 {
			r.wrong(text.line, "%s is no fingerprint; write sha256: and 64 hexadecimal digits, as hermes key fingerprint prints them", quoted(text.text))
			continue
		}
		claim(r, r.policy.peers.prints, print, u, text, "the certificate")
	}
	for _, text := range r.texts(t, what, "names", name+".example.com") {
		if text.text == "" {
			r.wrong(text.line, "a name of %s is empty; write that of its certificate", what)
			continue
		}
		claim(r, r.policy.peers.names, normalName(text.text), u, text, "the name")
	}
	r.readUIDs(u, t)
	r.readAnonymous(u, t)
	r.readOwnOrigins(u, t)
}

// claim gives an identity to a user, unless it is that of another one.
func claim[K comparable](r *reader, of map[K]*User, id K, u *User, v *value, what string) {
	switch other := of[id]; {
	case other == nil:
		of[id] = u
	case other != u:
		r.wrong(v.line, "%s %s is that of user %s (line %d) already; a peer can be one user only", what, v.shown(), other.name, r.users[other.name].line)
	}
}

// readKey reads one of keys: a key in Z85, or the path of a file or a directory.
func (r *reader) readKey(u *User, text *value) {
	if key, err := curve.ParsePublic(text.text); err == nil {
		claim(r, r.policy.peers.keys, key.String(), u, text, "the key")
		return
	}
	if text.text == anyKey {
		claim(r, r.policy.peers.keys, anyKey, u, text, "the key")
		return
	}
	path := r.path(text.text)
	r.files = append(r.files, path)
	keys, err := curve.ReadPublicKeys(path)
	switch {
	case text.text == "" || errors.Is(err, fs.ErrNotExist):
		r.wrong(text.line, "%s is neither a public key in Z85 (40 characters) nor a file or directory; paths are relative to the directory of the policy", quoted(text.text))
	case err != nil:
		r.wrong(text.line, "cannot read keys: %v", err)
	}
	for _, key := range keys {
		claim(r, r.policy.peers.keys, key.String(), u, text, "the key "+key.String()+" of")
	}
}

func (r *reader) readUIDs(u *User, t *table) {
	v, ok := t.values["uids"]
	if !ok {
		return
	}
	if v.kind != unstable.Array {
		r.wrong(v.line, "uids of user %s is %s, and not an array of integers; write uids = [1000]", u.name, v.what())
		return
	}
	for _, item := range v.list {
		if item.kind != unstable.Integer || item.int < 0 || item.int >= math.MaxUint32 {
			r.wrong(item.line, "an element of uids of user %s is no user id; write an integer, as id -u prints it", u.name)
			continue
		}
		claim(r, r.policy.peers.uids, uint32(item.int), u, item, "the uid")
	}
}

func (r *reader) readAnonymous(u *User, t *table) {
	v, ok := t.values["anonymous"]
	switch {
	case !ok:
	case v.kind == unstable.Bool && v.bool:
		claim(r, r.policy.peers.anonymous, anyAddress, u, v, "anonymous =")
	case v.kind == unstable.Bool:
	case v.kind != unstable.Array:
		r.wrong(v.line, "anonymous of user %s is %s; write true, or the addresses: anonymous = [\"tcp://127.0.0.1:6000\"]", u.name, v.what())
	default:
		for _, text := range r.texts(t, "user "+u.name, "anonymous", "tcp://127.0.0.1:6000") {
			if !strings.Contains(text.text, "://") {
				r.wrong(text.line, "%s is no address; write one as tcp://127.0.0.1:6000", quoted(text.text))
				continue
			}
			claim(r, r.policy.peers.anonymous, normalAddress(text.text), u, text, "the anonymous peer of")
		}
	}
}

// readOwnOrigins reads origins of a user.
func (r *reader) readOwnOrigins(u *User, t *table) {
	texts := r.texts(t, "user "+u.name, "origins", u.name)
	if texts == nil {
		u.origins[u.name] = struct{}{}
	}
	for _, text := range texts {
		if text.text == anyOrigin || text.text == selfOrigin {
			r.wrong(text.line, "%s is no origin; write names here, and origins = [%q] in an [[allow]]", quoted(text.text), text.text)
			continue
		}
		u.origins[text.text] = struct{}{}
	}
}
