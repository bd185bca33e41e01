package config

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// fromFile takes what the file says. What TOML itself forbids is found by package toml, and its values are used; the
// lines of keys come from the expressions of its parser.
func (l *loader) fromFile() error {
	text, err := plainfile.Read(l.File, maxFile)
	if err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		line := 1
		var wrong *toml.DecodeError
		if errors.As(err, &wrong) {
			line, _ = wrong.Position()
		}
		l.fail(Source{Kind: FromFile, Name: l.File, Line: max(line, 1)}, "it is not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
		return nil
	}
	d := &document{loader: l, lines: linesOf(text)}
	d.table(nil, all)
	return nil
}

// document is a file that is valid TOML.
type document struct {
	*loader
	lines map[string]int // of keys, their parts joined by NUL
}

func (d *document) at(path []string) Source {
	return Source{Kind: FromFile, Name: d.File, Line: max(d.lines[strings.Join(path, "\x00")], 1)}
}

// table takes a table of the file: the whole of it, or one that a flag has.
func (d *document) table(path []string, values map[string]any) {
	for _, name := range sortedKeys(values) {
		here := append(slices.Clone(path), name)
		flag := d.flagOf(here[0])
		switch inner, isTable := values[name].(map[string]any); {
		case flag == "":
			d.unknown(here)
		case isTable && d.isTable(flag):
			d.table(here, inner)
		case isTable:
			d.fail(d.at(here), "%q is one value, and not a table", name)
		case len(here) == 1 && d.isTable(flag):
			d.fail(d.at(here), "%q is a table: write [%s], and its keys in the lines below", name, name)
		default:
			d.value(flag, here, values[name])
		}
	}
}

// value takes one value.
func (d *document) value(flag string, path []string, value any) {
	e := entry{flag: flag, key: strings.Join(path[1:], "."), from: d.at(path)}
	if e.key != "" && !slices.ContainsFunc(d.Tables[flag].Keys, func(k Key) bool { return k.Name == e.key }) {
		d.unknown(path)
		return
	}
	var err error
	if e.values, e.list, err = texts(value); err != nil {
		d.fail(e.from, "%s: %v", strings.Join(path, "."), err)
		return
	}
	for _, other := range d.found[e.name()] {
		if other.from.Kind == FromFile {
			first, second := other.from, e.from
			if first.Line > second.Line {
				first, second = second, first
			}
			d.fail(second, "%s is there already, in line %d; keep one", e.key, first.Line)
			return
		}
	}
	d.add(e)
}

// texts is a value as flags take it.
func texts(value any) (all []string, list bool, err error) {
	switch v := value.(type) {
	case string:
		return []string{v}, false, nil
	case bool:
		return []string{strconv.FormatBool(v)}, false, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, false, nil
	case float64:
		return []string{strconv.FormatFloat(v, 'g', -1, 64)}, false, nil
	case []any:
		for _, item := range v {
			one, nested, err := texts(item)
			if err != nil || nested {
				return nil, true, errors.New("a list has strings and numbers only")
			}
			all = append(all, one...)
		}
		return all, true, nil
	case time.Time, toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return nil, false, errors.New("no setting is a date: write a string, in quotes")
	}
	return nil, false, fmt.Errorf("a %T is no value of a setting", value)
}

// flagOf is the flag that a key of the file is for, or "".
func (d *document) flagOf(key string) string {
	for flag, table := range d.Tables {
		if slices.Contains(table.Aliases, key) {
			return flag
		}
	}
	if f := d.flags.Lookup(key); f != nil && d.isSetting(f) {
		return key
	}
	return ""
}

func (d *document) isTable(flag string) bool {
	_, is := d.Tables[flag]
	return is
}

// unknown refuses a key, and names the nearest.
func (d *document) unknown(path []string) {
	var names []string
	name := strings.Join(path[1:], ".")
	if len(path) == 1 {
		name = path[0]
		d.flags.VisitAll(func(f *pflag.Flag) {
			if d.isSetting(f) {
				names = append(names, f.Name)
			}
		})
	}
	hint := ""
	for _, flag := range sortedKeys(d.Tables) {
		table := d.Tables[flag]
		for _, key := range table.Keys {
			switch {
			case len(path) == 1 && (key.Name == name || strings.HasPrefix(key.Name, name+".")):
				hint = fmt.Sprintf("; it stands below [%s]", flag)
			case len(path) > 1 && d.flagOf(path[0]) == flag:
				names = append(names, key.Name)
			}
		}
	}
	if hint == "" {
		hint = suggestion(name, names)
	}
	if f := d.flags.Lookup(name); len(path) == 1 && f != nil {
		hint = ": it can stand on the command line only"
	}
	d.fail(d.at(path), "there is no setting %q%s", name, hint)
}

// linesOf are the lines of the keys of a document that is valid.
func linesOf(text []byte) map[string]int {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	lines := map[string]int{}
	var parser unstable.Parser
	parser.Reset(text)
	var table []string
	// note notes the line of a key, and of the tables that it is in where those have none.
	note := func(in []string, key unstable.Iterator) []string {
		path := slices.Clone(in)
		for key.Next() {
			n := key.Node()
			path = append(path, string(n.Data))
			line := sort.Search(len(starts), func(i int) bool { return starts[i] > int(n.Raw.Offset) })
			if at := strings.Join(path, "\x00"); lines[at] == 0 {
				lines[at] = line
			}
		}
		return path
	}
	var inside func(path []string, n *unstable.Node)
	inside = func(path []string, n *unstable.Node) {
		if n.Kind != unstable.InlineTable {
			return
		}
		for items := n.Children(); items.Next(); {
			if item := items.Node(); item.Kind == unstable.KeyValue {
				inside(note(path, item.Key()), item.Value())
			}
		}
	}
	for parser.NextExpression() {
		switch n := parser.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = note(nil, n.Key())
		case unstable.KeyValue:
			inside(note(table, n.Key()), n.Value())
		}
	}
	return lines
}
