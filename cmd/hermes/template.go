package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// templateHelp explains the functions of templates, for the texts of pub and sub.
const templateHelp = `  now                Unix time in seconds, such as 1700000000.25
  time LAYOUT [TS]   now, or the time TS, laid out as Go's time.Format does: time "15:04:05.000"
  random LOW HIGH    a random number, whole if both are
  choice A B ...     one of several, by chance
  round DIGITS X     X with so many digits behind the point
  json X             X as JSON: a string with its quotation marks
  env NAME           an environment variable`

// parseTemplate parses a template; more are functions beside those that all have.
func parseTemplate(flag, text string, more template.FuncMap) (*template.Template, error) {
	t, err := template.New(flag).Option("missingkey=error").Funcs(templateFunctions).Funcs(more).Parse(text)
	if err != nil {
		return nil, usageError{fmt.Sprintf("--%s: %s", flag, strings.TrimPrefix(err.Error(), "template: "))}
	}
	return t, nil
}

var templateFunctions = template.FuncMap{
	"now":    func() float64 { return seconds(time.Now()) },
	"time":   formatTime,
	"random": random,
	"choice": func(values ...any) (any, error) {
		if len(values) == 0 {
			return nil, errors.New("choice has nothing to choose from")
		}
		return values[rand.IntN(len(values))], nil
	},
	"round": func(digits int, x any) (string, error) {
		f, err := number(x)
		return strconv.FormatFloat(f, 'f', digits, 64), err
	},
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"env": os.Getenv,
}

func seconds(t time.Time) float64 { return math.Round(float64(t.UnixMicro())) / 1e6 }

func formatTime(layout string, ts ...any) (string, error) {
	at := time.Now()
	if len(ts) > 0 {
		f, err := number(ts[0])
		if err != nil {
			return "", err
		}
		at = time.UnixMicro(int64(f * 1e6))
	}
	return at.Format(layout), nil
}

// random is a number from low to high: a whole one, high included, if both are whole, else one
// with six digits.
func random(low, high any) (any, error) {
	a, bad := number(low)
	b, err := number(high)
	if err = errors.Join(bad, err); err != nil {
		return nil, err
	}
	if b < a {
		return nil, fmt.Errorf("random: %v is above %v", low, high)
	}
	if first, ok := low.(int); ok {
		if last, ok := high.(int); ok {
			return first + rand.IntN(last-first+1), nil
		}
	}
	return math.Round((a+rand.Float64()*(b-a))*1e6) / 1e6, nil
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	}
	return 0, fmt.Errorf("%v is no number", v)
}
