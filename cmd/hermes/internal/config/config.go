// Package config gives the flags of a command values from a TOML file and from environment
// variables, and tells where each value in effect came from.
//
//	flag         --log-level debug
//	environment  HERMES_LOG_LEVEL=debug
//	file         log-level = "debug"
//	default
//
// The first of these that says anything about a setting decides. A flag that takes key=value, such
// as --set, is a table of settings of its own: [set] in the file, HERMES_SET_KEY in the environment,
// and each of its keys is decided alone.
//
// Rules:
//  1. Settings come from the flag set: a flag that is declared can stand in the file and in the
//     environment without any other declaration.
//  2. What the file says that no flag knows is an error with its line. All errors are found, not
//     the first alone.
//  3. Load changes no flag before everything has been read and tried.
//
// There are no locks and no state: a Config is made by one call, and does not change.
package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Options say where settings come from besides the flags.
type Options struct {
	File    string           // path of the TOML file; "": none
	Environ []string         // as os.Environ gives it
	Tables  map[string]Table // the flags that take key=value
	Skip    []string         // flags that are no settings: they stand neither in the file nor in the environment
}

// Table describes the keys of a flag that takes key=value. The value of that flag is Pairs.
type Table struct {
	Aliases []string // other names of its table in the file
	Keys    []Key
}

// Key is one setting of a Table.
type Key struct {
	Name, Default, Usage string
	Live                 bool // see MarkLive
	Secret               bool // see MarkSecret
}

// Pairs is the value of a flag that takes key=value; its method Set takes one.
type Pairs interface {
	pflag.Value
	Pairs() [][2]string // what it was given, in order
}

// Config is the settings in effect.
type Config struct {
	settings []Setting
	byKey    map[string]int
	options  Options
	given    given
	// Warnings are environment variables that look like misspelt ones.
	Warnings []string
}

// Load reads the file and the environment, and sets the flags that the command line does not have.
// The flags have been parsed. Its error is a Problems, or that of a file that cannot be read.
func Load(flags *pflag.FlagSet, o Options) (*Config, error) {
	l := &loader{flags: flags, Options: o, found: map[string][]entry{}}
	c := &Config{options: o, given: givenTo(flags), byKey: map[string]int{}}
	l.fromFlags(c.given)
	l.fromEnvironment()
	if o.File != "" {
		if err := l.fromFile(); err != nil {
			return nil, err
		}
	}
	l.check()
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	if err := l.apply(); err != nil {
		return nil, err
	}
	c.Warnings = l.warnings
	for _, s := range l.settings() {
		c.byKey[s.Key] = len(c.settings)
		c.settings = append(c.settings, s)
	}
	return c, nil
}

// Reload is Load once more, with the same command line, for flags that have not been parsed.
func (c *Config) Reload(flags *pflag.FlagSet) (*Config, error) {
	if err := c.given.replay(flags); err != nil {
		return nil, err
	}
	return Load(flags, c.options)
}

// File is the path of the file, or "".
func (c *Config) File() string { return c.options.File }

// Settings are all settings, in the order in which the flags were declared.
func (c *Config) Settings() []Setting { return slices.Clone(c.settings) }

// Setting finds one; its error names the nearest key.
func (c *Config) Setting(key string) (Setting, error) {
	for _, name := range append([]string{key}, c.tableKeys(key)...) {
		if i, ok := c.byKey[name]; ok {
			return c.settings[i], nil
		}
	}
	var keys []string
	for _, s := range c.settings {
		keys = append(keys, s.Key)
		if _, short, ok := strings.Cut(s.Key, "."); ok {
			keys = append(keys, short)
		}
	}
	return Setting{}, fmt.Errorf("there is no setting %q%s", key, suggestion(key, keys))
}

// tableKeys is the key as those of the tables, so that queue.bytes finds set.queue.bytes.
func (c *Config) tableKeys(key string) (all []string) {
	for flag, table := range c.options.Tables {
		all = append(all, flag+"."+key)
		for _, alias := range table.Aliases {
			if rest, ok := strings.CutPrefix(key, alias+"."); ok {
				all = append(all, flag+"."+rest)
			}
		}
	}
	return all
}

// Change is a setting of which two Configs have different values.
type Change struct {
	Old, New Setting
}

// Changes are the settings that are different in a later Config of the same flags.
func (c *Config) Changes(later *Config) (all []Change) {
	for _, now := range later.settings {
		if i, ok := c.byKey[now.Key]; ok && c.settings[i].Value != now.Value {
			all = append(all, Change{c.settings[i], now})
		}
	}
	return all
}

// With is the Config with the new settings of changes.
func (c *Config) With(changes []Change) *Config {
	other := *c
	other.settings = slices.Clone(c.settings)
	for _, change := range changes {
		other.settings[c.byKey[change.New.Key]] = change.New
	}
	return &other
}

// entry is what one source says about one setting.
type entry struct {
	flag   string
	key    string // in the table of the flag; "" of a plain flag
	values []string
	list   bool // it was written as a list
	from   Source
}

// name is the key of a setting.
func (e entry) name() string {
	if e.key == "" {
		return e.flag
	}
	return e.flag + "." + e.key
}

// loader is one Load.
type loader struct {
	Options
	flags    *pflag.FlagSet
	found    map[string][]entry // by name; the first counts
	problems Problems
	warnings []string
}

func (l *loader) add(e entry) { l.found[e.name()] = append(l.found[e.name()], e) }

func (l *loader) fail(from Source, format string, args ...any) {
	l.problems = append(l.problems, Problem{from, fmt.Sprintf(format, args...)})
}

// isSetting reports whether a flag may stand in the file and in the environment.
func (l *loader) isSetting(f *pflag.Flag) bool {
	return f.Name != "help" && !slices.Contains(l.Skip, f.Name)
}

func (l *loader) fromFlags(g given) {
	for _, one := range g {
		f := l.flags.Lookup(one.name)
		from := Source{Kind: FromFlag, Name: "--" + one.name}
		pairs, is := f.Value.(Pairs)
		if !is {
			l.add(entry{flag: one.name, values: one.values, from: from})
			continue
		}
		last := map[string]string{}
		for _, p := range pairs.Pairs() {
			last[p[0]] = p[1]
		}
		for key, value := range last {
			l.add(entry{flag: one.name, key: key, values: []string{value}, from: Source{Kind: FromFlag, Name: "--" + one.name + " " + key}})
		}
	}
}

// check tries all values of the file and of the environment, so that all that is wrong is told at
// once, and not only what counts in the end.
func (l *loader) check() {
	for _, name := range sortedKeys(l.found) {
		for _, e := range l.found[name] {
			f := l.flags.Lookup(e.flag)
			if e.from.Kind == FromFlag || f == nil {
				continue
			}
			_, many := f.Value.(pflag.SliceValue)
			switch {
			case e.key == "" && !many && e.list:
				l.fail(e.from, "%q takes one value, and not a list", e.flag)
			case e.key == "" && !many:
				if err := try(f, e.values[0]); err != nil {
					l.fail(e.from, "%s cannot be %s: %v", e.flag, shown(e.values[0], isSecret(f)), err)
				}
			}
		}
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return a.From.Line - b.From.Line })
}

// try sets a flag to a value, and back.
func try(f *pflag.Flag, value string) error {
	before := f.Value.String()
	err := f.Value.Set(value)
	if back := f.Value.Set(before); err == nil && back != nil {
		return fmt.Errorf("its default %q is no value of it: %w", before, back)
	}
	return err
}

// apply sets the flags.
func (l *loader) apply() error {
	for _, name := range sortedKeys(l.found) {
		e := l.found[name][0]
		f := l.flags.Lookup(e.flag)
		if e.from.Kind == FromFlag {
			continue
		}
		var err error
		many, is := f.Value.(pflag.SliceValue)
		switch {
		case e.key != "":
			err = f.Value.Set(e.key + "=" + strings.Join(e.values, ","))
			f.Changed = true
		case is && e.list:
			err = many.Replace(e.values)
			f.Changed = true
		default:
			err = l.flags.Set(e.flag, e.values[0])
		}
		if err != nil {
			return Problems{{e.from, fmt.Sprintf("%s: %v", e.name(), err)}}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// given is what the command line says, so that it can be said again.
type given []struct {
	name   string
	values []string
}

func givenTo(flags *pflag.FlagSet) (g given) {
	flags.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		switch v := f.Value.(type) {
		case Pairs:
			values = nil
			for _, p := range v.Pairs() {
				values = append(values, p[0]+"="+p[1])
			}
		case pflag.SliceValue:
			values = v.GetSlice()
		}
		g = append(g, struct {
			name   string
			values []string
		}{f.Name, values})
	})
	return g
}

func (g given) replay(flags *pflag.FlagSet) error {
	for _, one := range g {
		f := flags.Lookup(one.name)
		if f == nil {
			return fmt.Errorf("the flag --%s is gone", one.name)
		}
		if many, is := f.Value.(pflag.SliceValue); is {
			if err := many.Replace(one.values); err != nil {
				return err
			}
			// Set notes that it was given; what it adds is replaced.
			if len(one.values) == 0 {
				f.Changed = true
				continue
			}
			if err := flags.Set(one.name, one.values[0]); err != nil {
				return err
			}
			if err := many.Replace(one.values); err != nil {
				return err
			}
			continue
		}
		for _, value := range one.values {
			if err := flags.Set(one.name, value); err != nil {
				return err
			}
		}
	}
	return nil
}
