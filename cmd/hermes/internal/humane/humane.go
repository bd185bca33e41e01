// Package humane writes numbers for people: in few characters, as the command's tables show them.
package humane

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// Count is a number with a comma between thousands.
func Count(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Rate is a rate: with one decimal where it is small.
func Rate(x float64) string {
	switch {
	case x == 0:
		return "0/s"
	case x < 0.1:
		return fmt.Sprintf("%.3f/s", x)
	case x < 1000:
		return fmt.Sprintf("%.1f/s", x)
	}
	return Count(uint64(math.Round(x))) + "/s"
}

// Bytes is a number of bytes in units of 1000, as networks have them.
func Bytes(x float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if x < 999.5 {
			if unit == "B" || x >= 99.95 {
				return fmt.Sprintf("%.0f %s", x, unit)
			}
			return fmt.Sprintf("%.1f %s", x, unit)
		}
		x /= 1000
	}
	return fmt.Sprintf("%.1f TB", x)
}

// Seconds is a time of seconds, with three digits.
func Seconds(s float64) string {
	a := math.Abs(s)
	switch {
	case a == 0:
		return "0 s"
	case a < 0.9995e-3:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case a < 0.9995:
		return fmt.Sprintf("%.3g ms", s*1e3)
	case a < 600:
		return fmt.Sprintf("%.3g s", s)
	}
	return Age(s)
}

// Age is a longer time, such as 5m or 3d4h.
func Age(s float64) string {
	if s > 1e9 { // longer than ZeroMQ exists
		return "-"
	}
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Bar shows a share from 0 to 1 in width cells.
func Bar(share float64, width int) string {
	eighths := []rune(" ▏▎▍▌▋▊▉")
	share = min(max(share, 0), 1)
	n := int(math.Round(share * float64(width) * 8))
	if n == 0 && share > 0 {
		n = 1 // something is something
	}
	text := strings.Repeat("█", n/8)
	if n%8 > 0 {
		text += string(eighths[n%8])
	}
	return text + strings.Repeat("·", width-len([]rune(text)))
}

// Shorten cuts a text to a width, from its middle, where it is longer.
func Shorten(text string, width int) string {
	r := []rune(text)
	if len(r) <= width || width < 3 {
		return text
	}
	head := (width - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(width-1-head):])
}

// Percent is a share from 0 to 1.
func Percent(x float64) string { return Count(uint64(math.Round(x*100))) + " %" }

// Text is a topic, an origin or a name as a table shows it: without what a terminal would obey.
func Text(name string) string {
	if name == "" {
		return `""`
	}
	return strings.Map(printable, name)
}

func printable(c rune) rune {
	if !unicode.IsPrint(c) {
		return '?'
	}
	return c
}

// Plain is a text that may quote what came over the network or stands in a file, without what a terminal would
// obey. Its lines stay lines.
func Plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return c
		}
		return printable(c)
	}, text)
}
