package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

// rowColumn is one column of what live commands show of topics and origins.
type rowColumn struct {
	name  string // its heading in capitals, and what --sort takes
	text  func(*observe.Sample, *observe.Row) string
	value func(*observe.Sample, *observe.Row) float64 // to sort by, greatest first; nil: by name
}

// The columns that several commands have.
var (
	topicColumn = rowColumn{"topic", func(_ *observe.Sample, r *observe.Row) string { return humane.Text(r.Name) }, nil}
	countColumn = numberColumn("envelopes", func(_ *observe.Sample, r *observe.Row) float64 { return float64(r.Count) },
		func(x float64) string { return humane.Count(uint64(x)) })
	rateColumn      = numberColumn("rate", func(s *observe.Sample, r *observe.Row) float64 { return s.Rate(r.Count) }, humane.Rate)
	bandwidthColumn = numberColumn("bandwidth", func(s *observe.Sample, r *observe.Row) float64 { return s.Rate(r.Bytes) },
		func(x float64) string { return humane.Bytes(x) + "/s" })
	lostColumn = numberColumn("lost", func(_ *observe.Sample, r *observe.Row) float64 { return float64(r.Lost) },
		func(x float64) string { return humane.Count(uint64(x)) })
	jitterColumn = numberColumn("jitter", func(_ *observe.Sample, r *observe.Row) float64 { return r.Jitter }, humane.Seconds)
	delayColumn  = numberColumn("delay", func(_ *observe.Sample, r *observe.Row) float64 { return r.Delay.Mean() }, humane.Seconds)
)

// numberColumn is a column of numbers.
func numberColumn(name string, value func(*observe.Sample, *observe.Row) float64, text func(float64) string) rowColumn {
	return rowColumn{name, func(s *observe.Sample, r *observe.Row) string {
		if r.Count == 0 && name != "envelopes" && name != "lost" && name != "rate" && name != "bandwidth" {
			return "-"
		}
		return text(value(s, r))
	}, value}
}

// quantileColumn is a column of the observer's histograms.
func quantileColumn(name string, q float64) rowColumn {
	return rowColumn{name, func(_ *observe.Sample, r *observe.Row) string {
		if x, ok := r.Quantile(q); ok {
			return humane.Seconds(x)
		}
		return "-"
	}, func(_ *observe.Sample, r *observe.Row) float64 { x, _ := r.Quantile(q); return x }}
}

// summaryColumns are the columns of one of a row's quantities: least, mean, greatest.
func summaryColumns(of func(*observe.Row) *observe.Summary, text func(float64) string) []rowColumn {
	return []rowColumn{
		numberColumn("min", func(_ *observe.Sample, r *observe.Row) float64 { return of(r).Min }, text),
		numberColumn("mean", func(_ *observe.Sample, r *observe.Row) float64 { return of(r).Mean() }, text),
		numberColumn("max", func(_ *observe.Sample, r *observe.Row) float64 { return of(r).Max }, text),
	}
}

// heading is a name as it stands above a column.
func heading(name string) string { return strings.ToUpper(name) }

// columnNames are what --sort takes.
func columnNames(columns []rowColumn) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// findColumn is the column that --sort names.
func findColumn(columns []rowColumn, name string) (int, error) {
	names := columnNames(columns)
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, usageError{fmt.Sprintf("no column %q to sort by; there are %s", name, strings.Join(names, ", "))}
}

// sortRows sorts by a column: numbers from the greatest on, names from A on, and equal ones by name.
func sortRows(s *observe.Sample, rows []observe.Row, by rowColumn, reverse bool) {
	slices.SortFunc(rows, func(a, b observe.Row) int {
		order := 0
		if by.value != nil {
			order = cmp.Compare(by.value(s, &b), by.value(s, &a))
		}
		if order == 0 && by.value != nil {
			return cmp.Compare(a.Name, b.Name)
		}
		if order == 0 {
			order = cmp.Compare(a.Name, b.Name)
		}
		if reverse {
			return -order
		}
		return order
	})
}
