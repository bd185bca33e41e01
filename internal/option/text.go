package option

import "sync"

// Text is a text that a function checks.
type Text struct {
	check func(string) error // not called for ""

	mu   sync.Mutex
	text string
}

// Text adds a Text, which is empty by default.
func (o *Set) Text(key string, live bool, usage string, check func(string) error) *Text {
	return add(o, key, live, usage, &Text{check: check})
}

// Get is the present value.
func (x *Text) Get() string { return x.String() }

func (x *Text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Set implements Variable.
func (x *Text) Set(text string) error {
	if text != "" {
		if err := x.check(text); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text = text
	return nil
}

// HiddenText is a Text that may be a secret, by mistake: it is said where the secret is, and the
// text that check refuses must not be shown.
type HiddenText struct{ *Text }

// HiddenText adds a HiddenText, which is empty by default.
func (o *Set) HiddenText(key string, live bool, usage string, check func(string) error) HiddenText {
	return add(o, key, live, usage, HiddenText{&Text{check: check}})
}

// Hidden implements Hider.
func (HiddenText) Hidden() {}
