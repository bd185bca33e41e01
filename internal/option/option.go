// Package option has the settings of components: a name, a text, and the variable behind it.
//
// A variable checks a text, keeps the value, and may be read and set at the same time, from
// any goroutine. Which options there are, their defaults and what they mean is decided in
// core/options.go. An option is added to a Set by a method that is named for its type and
// returns the variable.
package option

import (
	"slices"
	"strings"
)

// Info describes one setting, as docs/configuration.md lists it.
type Info struct {
	Key     string
	Default string
	Live    bool // may be set at any time, not only before the start
	Usage   string
}

// Option is an Info with the variable behind it.
type Option struct {
	Info
	Variable
}

// Variable holds the value of an option. It may be read and set at the same time.
type Variable interface {
	Set(text string) error
	String() string
}

// Set is the options of one component.
type Set []Option

// add adds an option whose default is the present value of v, and returns v.
func add[V Variable](o *Set, key string, live bool, usage string, v V) V {
	*o = append(*o, Option{Info{Key: key, Default: v.String(), Live: live, Usage: usage}, v})
	return v
}

// Find finds an option by its name.
func (o Set) Find(key string) (Option, bool) {
	i := slices.IndexFunc(o, func(x Option) bool { return x.Key == key })
	if i < 0 {
		return Option{}, false
	}
	return o[i], true
}

// Keys is the names of all options, for an error text.
func (o Set) Keys() string {
	keys := make([]string, len(o))
	for i, x := range o {
		keys[i] = x.Key
	}
	return strings.Join(keys, ", ")
}
