package main

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

// topModel is the live screen of top, after Bubble Tea: Update takes keys and samples, View draws.
//
//	1       what it is, address, views
//	2       sums of the last sample
//	3       what is not as it should be, or nothing
//	4 ...   the table, as many lines as there is room for
//	last    the keys, or the newest event
type topModel struct {
	view          *topView
	session       *watchSession
	interval      time.Duration
	width, height int
	from          int // the first row that is shown
	paused        bool
	err           error
}

// linesAround is how many lines of the screen are not rows of the table.
const linesAround = 6

type topTick struct{}

// topSample is what a tick has found.
type topSample struct {
	sample     observe.Sample
	components []observe.Component
	events     []observe.Event
	err        error
}

var (
	styleBold    = lipgloss.NewStyle().Bold(true)
	styleFaint   = lipgloss.NewStyle().Faint(true)
	styleRed     = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleGreen   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleYellow  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleChosen  = lipgloss.NewStyle().Reverse(true)
	styleHeading = lipgloss.NewStyle().Bold(true)
)

// Init implements tea.Model.
func (m *topModel) Init() tea.Cmd { return m.tick() }

func (m *topModel) tick() tea.Cmd {
	return tea.Tick(m.interval, func(time.Time) tea.Msg { return topTick{} })
}

// take makes a sample; not in Update, which the keys wait for.
func (m *topModel) take() tea.Msg {
	s, err := m.session.Sample()
	directory := m.session.Directory()
	return topSample{s, directory.List(), directory.Events(), err}
}

// Update implements tea.Model.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case topTick:
		return m, m.take
	case topSample:
		if msg.err != nil {
			m.err = msg.err
			return m, tea.Quit
		}
		if !m.paused {
			m.view.take(&msg.sample, msg.components, msg.events)
		}
		m.scroll(0)
		return m, m.tick()
	case tea.KeyPressMsg:
		return m.key(msg.String())
	}
	return m, nil
}

// key does what a key stands for.
func (m *topModel) key(name string) (tea.Model, tea.Cmd) {
	v := m.view
	page := max(m.height-linesAround, 1)
	switch name {
	case "q", "ctrl+c", "esc":
		return m, tea.Quit
	case "tab":
		m.show((v.by + 1) % len(topViews))
	case "1", "2", "3":
		m.show(int(name[0] - '1'))
	case "left", "h", "<":
		v.sorts[v.by] = max(v.sorts[v.by]-1, 0)
		v.sortAgain()
	case "right", "l", ">":
		v.sorts[v.by] = min(v.sorts[v.by]+1, len(v.names())-1)
		v.sortAgain()
	case "r":
		v.reverse[v.by] = !v.reverse[v.by]
		v.sortAgain()
	case "p", "space":
		m.paused = !m.paused
	case "down", "j":
		m.scroll(1)
	case "up", "k":
		m.scroll(-1)
	case "pgdown":
		m.scroll(page)
	case "pgup":
		m.scroll(-page)
	case "home", "g":
		m.scroll(-m.from)
	case "end", "G":
		m.scroll(v.length())
	}
	return m, nil
}

// show changes to another view.
func (m *topModel) show(by int) {
	m.view.by, m.from = by, 0
	m.view.sortAgain()
}

// scroll moves the rows, as far as there are some.
func (m *topModel) scroll(by int) {
	last := max(m.view.length()-max(m.height-linesAround, 1), 0)
	m.from = min(max(m.from+by, 0), last)
}

// View implements tea.Model.
func (m *topModel) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "hermes top " + m.view.address
	if m.width == 0 || m.height == 0 {
		return v
	}
	lines := []string{m.titleLine(), m.sumLine(), m.noteLine()}
	rows := max(m.height-linesAround, 1)
	to := min(m.from+rows, m.view.length())
	table := m.view.table(m.from, to)
	lines = append(lines, layTable(table, m.view.sorts[m.view.by], m.width)...)
	if m.view.length() == 0 {
		lines = append(lines, styleFaint.Render(m.whyEmpty()))
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:m.height-1], m.lastLine())
	for i, line := range lines {
		lines[i] = lipgloss.NewStyle().MaxWidth(m.width).Render(line)
	}
	v.SetContent(strings.Join(lines, "\n"))
	return v
}

func (m *topModel) titleLine() string {
	var views []string
	for i, name := range topViews {
		if i == m.view.by {
			views = append(views, styleChosen.Render(" "+name+"s "))
		} else {
			views = append(views, " "+name+"s ")
		}
	}
	title := styleBold.Render("hermes top") + " " + strings.Join(views, "") + "  "
	text := title + humane.Shorten(m.view.address, max(m.width-lipgloss.Width(title)-8, 3))
	if m.paused {
		text += "  " + styleYellow.Render("paused")
	}
	return text
}

func (m *topModel) sumLine() string {
	s := &m.view.sample
	var n, size uint64
	if len(s.Rows) > 0 {
		for _, r := range append(s.Rows[0], s.Other[0]) {
			n, size = n+r.Count, size+r.Bytes
		}
	}
	parts := []string{humane.Rate(s.Rate(n)), humane.Bytes(s.Rate(size)) + "/s"}
	if len(s.Rows) > 1 {
		parts = append(parts, "topics "+humane.Count(uint64(len(s.Rows[0]))), "origins "+humane.Count(uint64(len(s.Rows[1]))))
	}
	lost := "lost " + humane.Count(s.Lost)
	if s.Lost > 0 {
		lost = styleRed.Render(lost)
	}
	dropped, drops := 0.0, false
	for _, r := range peerRows(m.view.components, nowSeconds()) {
		dropped, drops = dropped+r.DroppedRate, drops || r.drops()
	}
	text := strings.Join(append(parts, lost), "  ")
	if drops {
		text += "  " + styleRed.Render("dropped "+humane.Rate(dropped))
	}
	return text
}

// noteLine says what is not as it should be.
func (m *topModel) noteLine() string {
	s := &m.view.sample
	switch {
	case s.Problem != "":
		return styleRed.Render(humane.Text(s.Problem))
	case s.Note() != "":
		return styleYellow.Render(s.Note())
	case s.Bad > 0:
		return styleYellow.Render(fmt.Sprintf("%d messages that are not envelopes", s.Bad))
	}
	return ""
}

// whyEmpty is what stands in place of rows.
func (m *topModel) whyEmpty() string {
	switch {
	case m.view.sample.At.IsZero():
		return "the first sample comes ..."
	case m.view.by == 2:
		return "no post office reports its peers here (hermes help peers)"
	}
	return "nothing passes"
}

// lastLine is the newest event for some seconds, else the keys.
func (m *topModel) lastLine() string {
	const shown = 10 // seconds
	if n := len(m.view.events); n > 0 {
		if e := m.view.events[n-1]; nowSeconds()-e.TS < shown && e.Level != "info" {
			return styleYellow.Render(humane.Text(e.Of + ": " + e.Text))
		}
	}
	rows := ""
	if n := m.view.length(); n > 0 {
		rows = fmt.Sprintf(" · %d-%d of %s", m.from+1, min(m.from+max(m.height-linesAround, 1), n), humane.Count(uint64(n)))
	}
	return styleFaint.Render(topKeys + rows)
}

// layTable lays a table out in a width. Where it is too wide, its first column is made narrower
// first, and then columns are left out from the right, but not the one that it is sorted by.
func layTable(t table, sorted, width int) (lines []string) {
	widths := make([]int, len(t.columns))
	right := make([]bool, len(t.columns))
	for i, name := range t.columns {
		widths[i], right[i] = lipgloss.Width(name), len(t.rows) > 0
		for _, r := range t.rows {
			widths[i] = max(widths[i], lipgloss.Width(r.cells[i]))
			right[i] = right[i] && aNumber.MatchString(r.cells[i])
		}
	}
	const gap, narrowest = 2, 16
	all := func() (sum int) {
		for _, w := range widths {
			if w > 0 {
				sum += w + gap
			}
		}
		return sum - gap
	}
	if over := all() - width; over > 0 && len(widths) > 0 {
		widths[0] = max(widths[0]-over, min(widths[0], narrowest))
	}
	for i := len(widths) - 1; i > 0 && all() > width; i-- {
		if i != sorted {
			widths[i] = 0
		}
	}
	line := func(cells []string, style lipgloss.Style) string {
		var b strings.Builder
		for i, cell := range cells {
			if widths[i] == 0 {
				continue
			}
			cell = humane.Shorten(cell, widths[i])
			pad := strings.Repeat(" ", max(widths[i]-lipgloss.Width(cell), 0))
			if right[i] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
			b.WriteString(strings.Repeat(" ", gap))
		}
		return style.Render(strings.TrimRight(b.String(), " "))
	}
	lines = append(lines, line(t.columns, styleHeading))
	for _, r := range t.rows {
		style := lipgloss.NewStyle()
		switch {
		case r.loud:
			style = styleRed
		case r.weak:
			style = styleFaint
		}
		lines = append(lines, line(r.cells, style))
	}
	return lines
}
