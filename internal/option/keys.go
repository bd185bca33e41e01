package option

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/curve"
)

// The keys of CURVE. The text of each is what was set: where a key is, or a public key. A secret
// key is never part of it.

// Secret is an end's own secret key: the path of its file, or env:NAME. Empty is none.
type Secret struct {
	mu   sync.Mutex
	text string
	pair *curve.Pair
}

// Secret adds a Secret, which is empty by default.
func (o *Set) Secret(key string, live bool, usage string) *Secret {
	return add(o, key, live, usage, &Secret{})
}

func (x *Secret) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is a copy of the present pair of keys, which the caller wipes, or nil.
func (x *Secret) Get() *curve.Pair {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.pair.Copy()
}

// Wipe overwrites the pair. The text stays.
func (x *Secret) Wipe() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pair.Wipe()
	x.pair = nil
}

// Set implements Variable.
func (x *Secret) Set(text string) (err error) {
	var pair *curve.Pair
	if text != "" {
		if pair, err = curve.LookUpSecret(text); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pair.Wipe()
	x.text, x.pair = text, pair
	return nil
}

// Hidden implements Hider: the text may be a key that was given by mistake.
func (x *Secret) Hidden() {}

// Hider is a Variable whose text must not stand in the error of Set.
type Hider interface{ Hidden() }

// PublicKey is the public key of another end: in Z85, or the path of its file. Empty is none.
type PublicKey struct {
	mu   sync.Mutex
	text string
	key  *curve.Public
}

// PublicKey adds a PublicKey, which is empty by default.
func (o *Set) PublicKey(key string, live bool, usage string) *PublicKey {
	return add(o, key, live, usage, &PublicKey{})
}

func (x *PublicKey) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is the present key, or nil.
func (x *PublicKey) Get() *curve.Public {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.key
}

// Set implements Variable.
func (x *PublicKey) Set(text string) error {
	var key *curve.Public
	if text != "" {
		p, err := curve.LookUpPublic(text)
		if err != nil {
			return err
		}
		key = &p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.key = text, key
	return nil
}

// ClientKeys is the set of clients that may connect. Empty is none.
type ClientKeys struct {
	mu   sync.Mutex
	text string
	set  *curve.Clients // changed in place, for the servers that use it
}

// ClientKeys adds ClientKeys, which are empty by default.
func (o *Set) ClientKeys(key string, live bool, usage string) *ClientKeys {
	return add(o, key, live, usage, &ClientKeys{set: &curve.Clients{}})
}

func (x *ClientKeys) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is the set of clients, or nil if the option is empty.
func (x *ClientKeys) Get() *curve.Clients {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.text == "" {
		return nil
	}
	return x.set
}

// OnUnreadable has report called when a file of the set cannot be read again.
func (x *ClientKeys) OnUnreadable(report func(error)) { x.set.OnUnreadable(report) }

// Set implements Variable.
func (x *ClientKeys) Set(text string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if text == "" {
		x.set.Clear()
	} else if err := x.set.Set(text); err != nil {
		return err
	}
	x.text = text
	return nil
}
