package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRangesOfNagios(t *testing.T) {
	for text, alarms := range map[string]map[float64]bool{
		"10":     {-1: true, 0: false, 10: false, 10.1: true},
		"10:":    {9: true, 10: false, 1e9: false},
		"~:10":   {-1e9: false, 10: false, 11: true},
		"10:20":  {9: true, 10: false, 20: false, 21: true},
		"@10:20": {9: false, 10: true, 20: true, 21: false},
		"0":      {0: false, 0.5: true},
	} {
		x, err := parseThreshold(text)
		require.NoError(t, err, text)
		for value, want := range alarms {
			require.Equal(t, want, x.alarms(value), "%s of %v", text, value)
		}
	}
	for _, bad := range []string{"", "x", "20:10", "@", "1:x", "NaN"} {
		_, err := parseThreshold(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestThresholdsNameFigures(t *testing.T) {
	x := thresholds{figures: []string{"age", "rate"}}
	require.NoError(t, x.Set("5"))
	require.NoError(t, x.Set("rate=1:"))
	require.Equal(t, "5", x.byFigure["age"].text)
	require.True(t, x.byFigure["rate"].alarms(0.5))
	require.ErrorContains(t, x.Set("size=3"), "there are age, rate")
	require.Error(t, x.Set("age=a"))
}
