// Package option has the settings of components: a name, a text, and the variable behind it.
//
// A variable checks a text, keeps the value, and may be read and set at the same time, from
// any goroutine. Which options there are, and what they mean, is for the components to say.
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

// Add adds an option whose default is the present value of v.
func (o *Set) Add(key, usage string, live bool, v Variable) {
	*o = append(*o, Option{Info{Key: key, Default: v.String(), Live: live, Usage: usage}, v})
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
