package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// prefix is that of all variables.
const prefix = "HERMES_"

// Variable is the environment variable of a setting: HERMES_LOG_LEVEL of log-level, HERMES_SET_QUEUE_BYTES of
// set.queue.bytes.
func Variable(key string) string {
	return prefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(key))
}

// fromEnvironment takes what the variables say. An empty one says nothing. Several values of a flag that takes
// several are separated by spaces, or by commas where the flag itself takes commas.
func (l *loader) fromEnvironment() {
	byVariable := map[string]entry{}
	l.flags.VisitAll(func(f *pflag.Flag) {
		if !l.isSetting(f) {
			return
		}
		table, is := l.Tables[f.Name]
		if !is {
			byVariable[Variable(f.Name)] = entry{flag: f.Name}
			return
		}
		for _, key := range table.Keys {
			byVariable[Variable(f.Name+"."+key.Name)] = entry{flag: f.Name, key: key.Name}
		}
	})
	for _, text := range slices.Sorted(slices.Values(l.Environ)) {
		name, value, _ := strings.Cut(text, "=")
		if !strings.HasPrefix(name, prefix) || value == "" || slices.ContainsFunc(l.Skip, func(flag string) bool { return name == Variable(flag) }) {
			continue
		}
		e, known := byVariable[name]
		if !known {
			l.unknownVariable(name, byVariable)
			continue
		}
		e.values, e.from = []string{value}, Source{Kind: FromEnvironment, Name: name}
		if f := l.flags.Lookup(e.flag); e.key == "" && f.Value.Type() == "stringArray" {
			e.values, e.list = strings.Fields(value), true
		}
		l.add(e)
	}
}

// unknownVariable refuses one that begins as those of a table, and warns of one that is almost another: programs
// have variables of their own that begin with HERMES_.
func (l *loader) unknownVariable(name string, known map[string]entry) {
	names := sortedKeys(known)
	for flag := range l.Tables {
		if strings.HasPrefix(name, Variable(flag)+"_") {
			l.fail(Source{Kind: FromEnvironment, Name: name}, "there is no such option%s", suggestion(name, names))
			return
		}
	}
	if like := nearest(name, names); like != "" {
		l.warnings = append(l.warnings, "the environment variable "+name+" means nothing; did you mean "+like+"?")
	}
}
