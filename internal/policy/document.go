package policy

import (
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDocument bounds a policy file, in bytes: a larger one is some other file.
const maxDocument = 64 << 20

// value is one value of a TOML document, with the line where it begins. Of its fields that of its
// kind is set.
type value struct {
	line  int
	kind  unstable.Kind
	text  string // String
	int   int64  // Integer
	bool  bool   // Bool
	list  []*value
	table *table // Table, InlineTable
}

// kindNames says what a value is, in messages. Kinds that are not here are times.
var kindNames = map[unstable.Kind]string{
	unstable.String: "a string", unstable.Integer: "an integer", unstable.Float: "a float", unstable.Bool: "a boolean",
	unstable.Array: "an array", unstable.ArrayTable: "an array of tables", unstable.Table: "a table", unstable.InlineTable: "a table",
}

// what says what the value is, for messages.
func (v *value) what() string {
	if name, ok := kindNames[v.kind]; ok {
		return name
	}
	return "a time"
}

// shown is the text of a string or an integer, for messages, and "true" of another value.
func (v *value) shown() string {
	switch v.kind {
	case unstable.String:
		return quoted(v.text)
	case unstable.Integer:
		return strconv.FormatInt(v.int, 10)
	}
	return "true"
}

// table is a table of a TOML document, its keys in the order of the text.
type table struct {
	line   int
	names  []string
	values map[string]*value
}

func newTable(line int) *table { return &table{line: line, values: map[string]*value{}} }

// put adds a key, which the table must not have.
func (t *table) put(name string, v *value) error {
	if old, ok := t.values[name]; ok {
		return problem{v.line, fmt.Sprintf("%s is there already, in line %d; keep one", quoted(name), old.line)}
	}
	t.names = append(t.names, name)
	t.values[name] = v
	return nil
}

// open is the table of a key, which is made where there is none. Of an array of tables it is the last.
func (t *table) open(name string, line int) (*table, error) {
	v, ok := t.values[name]
	switch {
	case !ok:
		v = &value{line: line, kind: unstable.Table, table: newTable(line)}
		if err := t.put(name, v); err != nil {
			return nil, err
		}
	case v.kind == unstable.ArrayTable:
		return v.list[len(v.list)-1].table, nil
	case v.table == nil:
		return nil, problem{line, fmt.Sprintf("%s is %s, in line %d, and not a table", quoted(name), v.what(), v.line)}
	}
	return v.table, nil
}

// document reads the text of a TOML file: what toml itself finds wrong is found by toml, and the
// tree with its lines is then made from the expressions of its parser.
type document struct {
	parser unstable.Parser
	starts []int // offsets at which lines begin
	root   *table
	now    *table // the table that the next keys belong to
}

// parseDocument reads a TOML document. The error is a problem, with its line.
func parseDocument(text []byte) (*table, error) {
	if len(text) > maxDocument {
		return nil, problem{1, fmt.Sprintf("it is larger than %d MiB: it is no policy", maxDocument>>20)}
	}
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		var wrong *toml.DecodeError
		if !errors.As(err, &wrong) {
			return nil, problem{1, err.Error()}
		}
		line, _ := wrong.Position()
		return nil, problem{max(line, 1), "it is not valid TOML: " + withoutPrefix(wrong.Error())}
	}
	d := &document{root: newTable(1), starts: []int{0}}
	d.now = d.root
	for i, c := range text {
		if c == '\n' {
			d.starts = append(d.starts, i+1)
		}
	}
	d.parser.Reset(text)
	for d.parser.NextExpression() {
		if err := d.add(d.parser.Expression()); err != nil {
			return nil, err
		}
	}
	if err := d.parser.Error(); err != nil {
		return nil, problem{1, "it is not valid TOML: " + err.Error()}
	}
	return d.root, nil
}

// lineOf is the line of a node of the parser, and fallback where the parser does not tell it.
func (d *document) lineOf(n *unstable.Node, fallback int) int {
	if n.Raw.Length == 0 {
		return fallback
	}
	at := int(n.Raw.Offset)
	return sort.Search(len(d.starts), func(i int) bool { return d.starts[i] > at })
}

// add adds an expression: the head of a table, or a key with its value.
func (d *document) add(n *unstable.Node) error {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		in, name, line, err := d.path(d.root, n.Key(), 1)
		if err != nil {
			return err
		}
		if n.Kind == unstable.Table {
			d.now, err = in.open(name, line)
			return err
		}
		d.now = newTable(line)
		one := &value{line: line, kind: unstable.Table, table: d.now}
		if v, ok := in.values[name]; ok {
			v.list = append(v.list, one)
			return nil
		}
		return in.put(name, &value{line: line, kind: unstable.ArrayTable, list: []*value{one}})
	case unstable.KeyValue:
		return d.addKey(d.now, n, 1)
	}
	return nil
}

// path opens the tables of a dotted key but for its last part, which it returns.
func (d *document) path(in *table, keys unstable.Iterator, fallback int) (_ *table, name string, line int, err error) {
	line = fallback
	for keys.Next() {
		key := keys.Node()
		line = d.lineOf(key, line)
		name = string(key.Data)
		if keys.IsLast() {
			break
		}
		if in, err = in.open(name, line); err != nil {
			return nil, "", 0, err
		}
	}
	return in, name, line, nil
}

func (d *document) addKey(in *table, n *unstable.Node, fallback int) error {
	in, name, line, err := d.path(in, n.Key(), fallback)
	if err != nil {
		return err
	}
	v, err := d.value(n.Value(), line)
	if err != nil {
		return err
	}
	v.line = line // a value that is wrong is looked for at its key
	return in.put(name, v)
}

// value converts a value. The depth of nesting is bounded by toml.
func (d *document) value(n *unstable.Node, fallback int) (*value, error) {
	v := &value{line: d.lineOf(n, fallback), kind: n.Kind}
	switch n.Kind {
	case unstable.String:
		v.text = string(n.Data)
	case unstable.Bool:
		v.bool = n.Data[0] == 't'
	case unstable.Integer:
		number, err := strconv.ParseInt(string(n.Data), 0, 64)
		if err != nil { // with underscores, or a leading sign
			number = -1
		}
		v.int = number
	case unstable.Array:
		items := n.Children()
		for items.Next() {
			if items.Node().Kind == unstable.Comment {
				continue
			}
			item, err := d.value(items.Node(), v.line)
			if err != nil {
				return nil, err
			}
			v.list = append(v.list, item)
		}
	case unstable.InlineTable:
		v.table = newTable(v.line)
		items := n.Children()
		for items.Next() {
			if items.Node().Kind != unstable.KeyValue {
				continue
			}
			if err := d.addKey(v.table, items.Node(), v.line); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
