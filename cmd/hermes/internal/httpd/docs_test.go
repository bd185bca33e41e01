package httpd

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of docs/monitoring.md")

const docs = "../../../../docs"

// families are all metrics of ours: of a post office with a backbone and a receiver, with metrics of peers.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	s := newSite(t, Config{Backbone: joined, PeerMetrics: true})
	s.receiver("r", "a")
	all, err := s.registry.Gather()
	require.NoError(t, err)
	ours := map[string]*dto.MetricFamily{}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "hermes_") {
			ours[f.GetName()] = f
		}
	}
	require.Greater(t, len(ours), 40)
	return ours
}

// table is the metrics in Markdown, in the order of their names.
func table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	all := families(t)
	for _, name := range sortedKeys(all) {
		f := all[name]
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	return b.String()
}

func TestTheDocumentListsAllMetrics(t *testing.T) {
	path := filepath.Join(docs, "monitoring.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const begin, end = "<!-- metrics -->\n", "<!-- end of metrics -->"
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	listed, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+begin+table(t)+end+tail), 0o600))
		return
	}
	require.Equal(t, table(t), listed, "go test ./cmd/hermes/internal/httpd -run Document -update writes it")
}

// TestEveryMetricInRulesAndDashboardsExists: one that was renamed would be an alert that never comes.
func TestEveryMetricInRulesAndDashboardsExists(t *testing.T) {
	known := families(t)
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "grafana.json"} {
		text, err := os.ReadFile(filepath.Join(docs, "monitoring", file))
		require.NoError(t, err)
		names := regexp.MustCompile(`\bhermes_(?:postoffice|backbone|http|build)_\w+`).FindAllString(string(text), -1)
		require.NotEmpty(t, names, file)
		for _, name := range names {
			require.Contains(t, known, name, file)
		}
	}
}

func TestTheDashboardOfGrafanaIsWhole(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "monitoring", "grafana.json"))
	require.NoError(t, err)
	var d struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &d))
	ids := map[int]bool{}
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
	}
	require.Greater(t, len(ids), 10)
}

// TestPromtoolAcceptsTheDashboard: every expression is one of PromQL, with values for the variables of Grafana.
func TestPromtoolAcceptsTheDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "monitoring", "grafana.json"))
	require.NoError(t, err)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	expressions := regexp.MustCompile(`"expr": *("(?:[^"\\]|\\.)*")`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(expressions), 10)
	values := strings.NewReplacer("$__rate_interval", "1m", "$job", "hermes", "$instance", "a:9600")
	for i, e := range expressions {
		expression := values.Replace(e[1])
		require.NotContains(t, expression, "$")
		fmt.Fprintf(&rules, "  - record: dashboard:%d\n    expr: %s\n", i, expression) // YAML takes strings of JSON
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules.String()), 0o600))
	require.Contains(t, promtool(t, dir, "", "check", "rules", "rules.yml"), fmt.Sprintf("SUCCESS: %d rules found", len(expressions)))
}

// promtool runs promtool in a directory: the one that .ci/deps has installed, whatever else the machine has.
func promtool(t *testing.T, dir, in string, args ...string) string {
	t.Helper()
	program, err := filepath.Abs("../../../../build/tools/promtool")
	require.NoError(t, err)
	require.FileExists(t, program, "no promtool: .ci/deps test installs it")
	c := exec.Command(program, args...)
	c.Dir, c.Stdin = dir, strings.NewReader(in)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	dir := filepath.Join(docs, "monitoring")
	require.Contains(t, promtool(t, dir, "", "check", "rules", "alerts.yml"), "SUCCESS")
	require.Contains(t, promtool(t, dir, "", "test", "rules", "alerts_test.yml"), "SUCCESS")
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	s := newSite(t, Config{Backbone: joined, PeerMetrics: true})
	s.receiver("r", "a")
	code, text := s.get("/metrics")
	require.Equal(t, 200, code)
	require.Empty(t, promtool(t, ".", text, "check", "metrics"))
}
