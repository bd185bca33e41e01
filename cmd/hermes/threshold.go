package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// threshold is a range of the guidelines for Nagios plugins. A value outside of it raises an
// alarm; with @ in front, a value inside:
//
//	10      outside of 0 to 10        ~:10    more than 10
//	10:     less than 10              @10:20  from 10 to 20
//	10:20   outside of 10 to 20
type threshold struct {
	text     string
	from, to float64
	inside   bool
}

func parseThreshold(text string) (threshold, error) {
	t := threshold{text: text, to: math.Inf(1)}
	rest, inside := strings.CutPrefix(text, "@")
	t.inside = inside
	from, to, colon := strings.Cut(rest, ":")
	if !colon {
		from, to = "", rest
	}
	var err error
	number := func(text string, standard float64) float64 {
		if text == "" {
			return standard
		}
		x, e := strconv.ParseFloat(text, 64)
		if e != nil || math.IsNaN(x) {
			err = fmt.Errorf("%q is not a range; write 10, 10:, ~:10, 10:20 or @10:20", t.text)
		}
		return x
	}
	if from == "~" {
		t.from = math.Inf(-1)
	} else {
		t.from = number(from, 0)
	}
	t.to = number(to, math.Inf(1))
	if err == nil && (t.from > t.to || rest == "" || !colon && to == "") {
		err = fmt.Errorf("%q is not a range; write 10, 10:, ~:10, 10:20 or @10:20", t.text)
	}
	return t, err
}

// alarms reports whether a value raises an alarm.
func (t threshold) alarms(x float64) bool { return (x < t.from || x > t.to) != t.inside }

// thresholds are the values of --warn or --crit: a range for some of the figures of a check.
type thresholds struct {
	figures  []string // that there are; one without a name is the first
	byFigure map[string]threshold
}

func (t *thresholds) String() string { return "" }

// Type implements pflag.Value.
func (t *thresholds) Type() string { return "[figure=]range" }

func (t *thresholds) Set(text string) error {
	name, text, named := strings.Cut(text, "=")
	if !named {
		name, text = t.figures[0], name
	}
	if !slices.Contains(t.figures, name) {
		return fmt.Errorf("no figure %q; there are %s", name, strings.Join(t.figures, ", "))
	}
	x, err := parseThreshold(text)
	if err != nil {
		return err
	}
	if t.byFigure == nil {
		t.byFigure = map[string]threshold{}
	}
	t.byFigure[name] = x
	return nil
}
