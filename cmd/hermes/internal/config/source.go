package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Kind is a kind of source of settings.
type Kind string

// The sources, the strongest first.
const (
	FromFlag        Kind = "flag"
	FromEnvironment Kind = "environment"
	FromFile        Kind = "file"
	FromDefault     Kind = "default"
)

// Source is where a value came from.
type Source struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"` // the flag, the variable, or the path of the file
	Line int    `json:"line,omitempty"` // in the file
}

// String is the source for people: "--in", "HERMES_IN", "/etc/hermes/postoffice.toml:7", "default".
func (s Source) String() string {
	switch s.Kind {
	case FromFile:
		return fmt.Sprintf("%s:%d", s.Name, s.Line)
	case FromDefault:
		return "default"
	}
	return s.Name
}

// Setting is one setting, as it is in effect.
type Setting struct {
	Key     string `json:"key"` // of the file; that of a table begins with its name and a dot
	Value   string `json:"value"`
	Default string `json:"default"`
	From    Source `json:"from"`
	Usage   string `json:"meaning"`
	Live    bool   `json:"reload"` // SIGHUP makes a change take effect; otherwise it needs a restart
	Secret  bool   `json:"secret,omitempty"`
}

// userOf is what a URL says of its user, which may hold a password.
var userOf = regexp.MustCompile(`//[^/@,\s]*@`)

// Masked is the setting without what is secret in its value.
func (s Setting) Masked() Setting {
	s.Value = masked(s.Value, s.Secret)
	return s
}

func masked(value string, secret bool) string {
	if secret && value != "" {
		return "(secret)"
	}
	return userOf.ReplaceAllString(value, "//...@")
}

// shown is a value for error texts.
func shown(value string, secret bool) string { return strconv.Quote(masked(value, secret)) }

// Problem is one thing that is wrong, and where.
type Problem struct {
	From Source
	Text string
}

// Problems is the error of settings that are wrong: all that is wrong, in the order of the file.
type Problems []Problem

// Error is one line for each.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.From.String() + ": " + one.Text
	}
	return strings.Join(lines, "\n")
}

// Annotations of flags.
const (
	liveMark   = "hermes.live"
	secretMark = "hermes.secret"
)

// MarkLive notes that a change of these flags takes effect on SIGHUP, without a restart.
func MarkLive(flags *pflag.FlagSet, names ...string) { mark(flags, liveMark, names) }

// MarkSecret notes that the values of these flags are not to be shown.
func MarkSecret(flags *pflag.FlagSet, names ...string) { mark(flags, secretMark, names) }

func mark(flags *pflag.FlagSet, as string, names []string) {
	for _, name := range names {
		if err := flags.SetAnnotation(name, as, []string{"true"}); err != nil {
			panic(err) // no such flag: a mistake of the program
		}
	}
}

func isSecret(f *pflag.Flag) bool { return f.Annotations[secretMark] != nil }

// settings are all of them, once the flags are set.
func (l *loader) settings() (all []Setting) {
	l.flags.VisitAll(func(f *pflag.Flag) {
		if !l.isSetting(f) {
			return
		}
		if table, is := l.Tables[f.Name]; is {
			all = append(all, l.tableSettings(f, table)...)
			return
		}
		_, usage := pflag.UnquoteUsage(f)
		value, standard := f.Value.String(), f.DefValue
		if many, is := f.Value.(pflag.SliceValue); is {
			value, standard = strings.Join(many.GetSlice(), ", "), strings.Trim(standard, "[]")
		}
		all = append(all, Setting{Key: f.Name, Value: value, Default: standard, From: l.sourceOf(f.Name), Usage: usage,
			Live: f.Annotations[liveMark] != nil, Secret: isSecret(f)})
	})
	return all
}

func (l *loader) tableSettings(f *pflag.Flag, table Table) (all []Setting) {
	for _, key := range table.Keys {
		s := Setting{Key: f.Name + "." + key.Name, Value: key.Default, Default: key.Default, Usage: key.Usage, Live: key.Live, Secret: key.Secret}
		s.From = l.sourceOf(s.Key)
		if found := l.found[s.Key]; len(found) > 0 {
			s.Value = strings.Join(found[0].values, ",")
		}
		all = append(all, s)
	}
	return all
}

func (l *loader) sourceOf(name string) Source {
	if found := l.found[name]; len(found) > 0 {
		return found[0].from
	}
	return Source{Kind: FromDefault}
}
