//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"
)

// scenario is a test of every cell, with ours sending or receiving.
type scenario struct {
	name   string
	outlet func(*testing.T, cell)
	inlet  func(*testing.T, cell)
}

var scenarios = []scenario{
	{"exact", sendExact, getExact},
	{"edges", sendEdges, getEdges},
	{"prefixes", sendPrefixes, getPrefixes},
	{"two", sendToTwo, getTwo},
	{"they_restart", sendAfterTheyRestart, getAfterTheyRestart},
	{"we_restart", sendAfterWeRestart, getAfterWeRestart},
	{"ipc", overIPC(sendExact), overIPC(getExact)},
	{"curve_server", encrypted("server", sendExact), encrypted("server", getExact)},
	{"curve_client", encrypted("client", sendExact), encrypted("client", getExact)},
	{"curve_restart", encrypted("client", sendAfterTheyRestart), encrypted("client", getAfterTheyRestart)},
	refusals("curve_wrong",
		refusal{"client", theirsExpectsAnother, []string{"the client expects another key"}},
		refusal{"server", oursExpectsAnother, []string{hangsUpAtHello}}),
	refusals("curve_unknown",
		refusal{"client", theirsIsUnknown, []string{" is not known"}}),
	refusals("curve_plain_ours",
		refusal{"client", oursIsPlain, []string{demandsCurve, hangsUpAtGreeting, hangsUpAtOnce}},
		refusal{"server", oursIsPlain, []string{demandsCurve, hangsUpAtGreeting, hangsUpAtOnce}}),
	refusals("curve_plain_theirs",
		refusal{"client", theirsIsPlain, []string{hasNone}},
		refusal{"server", theirsIsPlain, []string{hasNone}}),
}

// refusals is a scenario in which connections are refused.
func refusals(name string, all ...refusal) scenario {
	run := refused(all...)
	return scenario{name, run, run}
}

// overIPC has a scenario take place over ipc.
func overIPC(run func(*testing.T, cell)) func(*testing.T, cell) {
	return func(t *testing.T, c cell) {
		c.ipc = true
		run(t, c)
	}
}

// outcome is what has become of a cell.
type outcome struct {
	passed, failed int
	lacking        []string // reasons why scenarios were not run
}

var (
	resultsMu sync.Mutex
	results   = map[string]*outcome{}
	versions  = map[string]string{}
)

func noteVersion(im *implementation, version string) {
	resultsMu.Lock()
	defer resultsMu.Unlock()
	versions[im.name] = version
}

func noteOutcome(c cell, note func(*outcome)) {
	resultsMu.Lock()
	defer resultsMu.Unlock()
	o := results[c.String()]
	if o == nil {
		o = &outcome{}
		results[c.String()] = o
	}
	note(o)
}

// TestMatrix runs every scenario in every cell that an implementation has.
func TestMatrix(t *testing.T) {
	for i := range implementations {
		for _, pair := range pairs {
			for _, mode := range modes {
				c := cell{im: &implementations[i], ours: pair.ours, role: pair.role, mode: mode}
				t.Run(c.String(), func(t *testing.T) {
					t.Parallel()
					c.try(t)
				})
			}
		}
	}
}

func (c cell) try(t *testing.T) {
	if reason := c.im.lacking(c.role, c.mode, ""); reason != "" {
		s := c.im.start(t, nil, c.role, c.mode, c.address(t))
		require.NotEmpty(t, s.Refused, "it is there after all")
		noteOutcome(c, func(o *outcome) { o.lacking = append(o.lacking, reason) })
		return
	}
	for _, sc := range scenarios {
		if reason := c.im.lacking(c.role, c.mode, sc.name); reason != "" {
			noteOutcome(c, func(o *outcome) { o.lacking = append(o.lacking, sc.name+": "+reason) })
			continue
		}
		run := sc.inlet
		if c.sends() {
			run = sc.outlet
		}
		ok := t.Run(sc.name, func(t *testing.T) { run(t, c) })
		noteOutcome(c, func(o *outcome) {
			if ok {
				o.passed++
			} else {
				o.failed++
			}
		})
	}
}

// TestMain writes the matrix when all is done.
func TestMain(m *testing.M) {
	code := m.Run()
	path := filepath.Join("..", "..", "..", "build", "interop", "matrix.txt")
	if err := os.WriteFile(path, []byte(matrix()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// matrix is the outcomes as a table, with notes.
func matrix() string {
	var out strings.Builder
	var notes []string
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "ours and theirs")
	for _, pair := range pairs {
		fmt.Fprintf(table, "\t%s-%s", pair.ours, strings.ToUpper(pair.role))
	}
	for i := range implementations {
		im := &implementations[i]
		for _, mode := range modes {
			fmt.Fprintf(table, "\n%s, they %s", orElse(versions[im.name], im.name), mode)
			for _, pair := range pairs {
				c := cell{im: im, ours: pair.ours, role: pair.role, mode: mode}
				fmt.Fprint(table, "\t"+square(results[c.String()], im, &notes))
			}
		}
	}
	fmt.Fprintln(table)
	_ = table.Flush()
	fmt.Fprintf(&out, "\nThe number in a cell is how many scenarios passed, of %d: %s.\n", len(scenarios), scenarioNames())
	fmt.Fprintln(&out, "hermes-zmq 1.3.0, the package that ours replaces, is tested by python/tests/test_old_package.py.")
	for i, note := range notes {
		fmt.Fprintf(&out, "[%d] %s\n", i+1, note)
	}
	return out.String()
}

// square is the text of one cell.
func square(o *outcome, im *implementation, notes *[]string) string {
	if o == nil {
		return "NOT RUN"
	}
	word := fmt.Sprint(o.passed)
	switch {
	case o.failed > 0:
		word = fmt.Sprintf("%d FAILED", o.failed)
	case o.passed == 0:
		word = "-"
	}
	for _, reason := range o.lacking {
		note := im.name + ", " + reason
		if !slices.Contains(*notes, note) {
			*notes = append(*notes, note)
		}
		word += fmt.Sprintf(" [%d]", slices.Index(*notes, note)+1)
	}
	return word
}

func scenarioNames() string {
	var names []string
	for _, sc := range scenarios {
		names = append(names, sc.name)
	}
	return strings.Join(names, ", ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
