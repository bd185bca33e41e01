package main

import (
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/stretchr/testify/require"
)

// A narrow terminal shortens names and addresses, and no number.
func TestANarrowTableShortensTextsAlone(t *testing.T) {
	tab := table{columns: []string{"of", "peer", "role", "queue", "rate", "dropped"}}
	for _, rate := range []string{"12.3 k/s", "1.5 M/s", "999/s"} {
		tab.rows = append(tab.rows, row{cells: []string{"a-post-office-with-a-long-name", "tcp://exchange-gateway.example.com:60123", "subscriber", "97.5 %", rate, "1,234,567"}})
	}
	text := tab.render(80)
	for _, line := range strings.Split(text, "\n") {
		require.LessOrEqual(t, lipgloss.Width(line), 80, line)
	}
	for _, number := range []string{"97.5 %", "12.3 k/s", "1.5 M/s", "999/s", "1,234,567"} {
		require.Contains(t, text, number)
	}
	require.Contains(t, text, "…")
	require.Contains(t, tab.render(200), "tcp://exchange-gateway.example.com:60123", "there is room")
}
