package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// problem is one thing that is wrong in a policy file.
type problem struct {
	line int
	text string // what is wrong, and what to write
}

func (p problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.text) }

// Problems is the error of a policy file: all that is wrong in it, in the order of its lines.
type Problems struct {
	file string
	all  []problem
}

// Error is the first problem, on one line, and how many more there are.
func (p *Problems) Error() string {
	first := p.Lines()[0]
	if n := len(p.all) - 1; n > 0 {
		return fmt.Sprintf("%s (and %d more: hermes policy check lists them)", first, n)
	}
	return first
}

// Lines are all problems, each with the name of the file and its line.
func (p *Problems) Lines() []string {
	out := make([]string, len(p.all))
	for i, one := range p.all {
		out[i] = fmt.Sprintf("%s, line %d: %s", p.file, one.line, one.text)
	}
	return out
}

// sort puts the problems in the order of the lines.
func (p *Problems) sort() {
	slices.SortStableFunc(p.all, func(a, b problem) int { return a.line - b.line })
}

// withoutPrefix takes the name of the package away that go-toml writes before its errors.
func withoutPrefix(text string) string { return strings.TrimPrefix(text, "toml: ") }

// longest is how much of a text of the file a message quotes, in bytes.
const longest = 60

// quoted is a text of the file, for messages: one line, and not too long.
func quoted(text string) string {
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strconv.Quote(text)
}
