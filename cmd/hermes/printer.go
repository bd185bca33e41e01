package main

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"

	"charm.land/lipgloss/v2"
	style "charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
)

// printer prints what a command found: on a terminal a table, else and with --json a JSON object
// a line.
type printer struct {
	out  io.Writer
	json bool
}

// addPrinter declares --json.
func addPrinter(c *cobra.Command, std streams) *printer {
	p := &printer{out: std.out}
	c.Flags().BoolVar(&p.json, "json", false, "print JSON, one object a line, on a terminal too")
	return p
}

// addJSON declares --json of a command whose output is text that scripts take as it is.
func addJSON(c *cobra.Command, std streams) *printer {
	p := addPrinter(c, std)
	c.Flags().Lookup("json").Usage = "print a JSON object in place of text"
	return p
}

// words prints a text, or with --json the same as an object.
func (p *printer) words(text string, value any) error {
	if p.json {
		return p.line(value)
	}
	_, err := io.WriteString(p.out, text+"\n")
	return err
}

// table is what print prints.
type table struct {
	columns []string // their headings; none: no line of headings
	rows    []row
}

// row is one line of a table.
type row struct {
	cells []string
	value any  // the same as an object, for JSON
	loud  bool // in red: something is wrong
	weak  bool // in grey: nothing to see
}

// asTable tells whether print makes a table of it.
func (p *printer) asTable() bool { return !p.json && terminalOf(p.out) != nil }

// line prints one value as JSON.
func (p *printer) line(value any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// print prints a table, or its values as JSON.
func (p *printer) print(t table) error {
	if !p.asTable() {
		for _, r := range t.rows {
			if err := p.line(r.value); err != nil {
				return err
			}
		}
		return nil
	}
	return p.text(t.render(p.width()))
}

// text prints text with colours, as far as the terminal and the environment (NO_COLOR) have them.
func (p *printer) text(text string) error {
	w := &colorprofile.Writer{Forward: p.out, Profile: colorprofile.NoTTY}
	if file := terminalOf(p.out); file != nil {
		w.Profile = colorprofile.Detect(file, os.Environ())
	}
	_, err := io.WriteString(w, text)
	return err
}

// width is how many columns the terminal has.
func (p *printer) width() int {
	const unknown = 80
	file := terminalOf(p.out)
	if file == nil {
		return unknown
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil || columns <= 0 {
		return unknown
	}
	return columns
}

// aNumber matches a cell that is aligned to the right: a number with its unit, or no value.
var aNumber = regexp.MustCompile(`^([-+]?[0-9][0-9.,]*( ?[a-zA-Zµ%/]+)?|-|)$`)

// fitted is the cells of the rows, of which texts are shortened where the table would be too wide: numbers are not,
// because a part of one is another one.
func (t table) fitted(isNumber []bool, width int) [][]string {
	const gap, least = 2, 8
	sizes := make([]int, len(t.columns))
	total := 0
	for i, name := range t.columns {
		sizes[i] = lipgloss.Width(name)
	}
	all := make([][]string, len(t.rows))
	for n, r := range t.rows {
		for i, cell := range r.cells {
			cell = humane.Plain(cell)
			all[n] = append(all[n], cell)
			if i < len(sizes) {
				sizes[i] = max(sizes[i], lipgloss.Width(cell))
			}
		}
	}
	for _, size := range sizes {
		total += size + gap
	}
	for ; total > width; total-- {
		widest := -1
		for i, size := range sizes {
			if !isNumber[i] && size > max(least, lipgloss.Width(t.columns[i])) && (widest < 0 || size > sizes[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		sizes[widest]--
	}
	for _, cells := range all {
		for i := range cells {
			if text := []rune(cells[i]); i < len(sizes) && !isNumber[i] && lipgloss.Width(cells[i]) > sizes[i] {
				cells[i] = string(text[:min(len(text), sizes[i]-1)]) + "…"
			}
		}
	}
	return all
}

// render lays a table out, at most width columns wide.
func (t table) render(width int) string {
	right := make([]bool, len(t.columns))
	for i := range right {
		right[i] = len(t.rows) > 0
		for _, r := range t.rows {
			right[i] = right[i] && i < len(r.cells) && aNumber.MatchString(r.cells[i])
		}
	}
	bold, red, grey := lipgloss.NewStyle().Bold(true), lipgloss.NewStyle().Foreground(lipgloss.Red), lipgloss.NewStyle().Faint(true)
	s := style.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderHeader(false).BorderRow(false).BorderColumn(false).Wrap(false)
	if len(t.columns) > 0 {
		s.Headers(t.columns...)
	}
	for _, cells := range t.fitted(right, width) {
		s.Row(cells...)
	}
	s.StyleFunc(func(at, column int) lipgloss.Style {
		cell := lipgloss.NewStyle()
		switch {
		case at == style.HeaderRow:
			cell = bold
		case t.rows[at].loud:
			cell = red
		case t.rows[at].weak:
			cell = grey
		}
		if column < len(right) && right[column] {
			cell = cell.Align(lipgloss.Right)
		}
		return cell.PaddingRight(2)
	})
	text := s.Render()
	if lipgloss.Width(text) > width {
		text = s.Width(width).Render()
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// terminalOf is the terminal behind a writer of a command, or nil.
func terminalOf(w io.Writer) *os.File {
	if o, ok := w.(*output); ok {
		w = o.to
	}
	if file, ok := w.(*os.File); ok && isTerminal(file) {
		return file
	}
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
