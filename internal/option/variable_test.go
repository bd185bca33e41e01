package option

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "250": 250 * time.Millisecond, "0.5": 500 * time.Microsecond,
		"250ms": 250 * time.Millisecond, "1s": time.Second, "1m30s": 90 * time.Second} {
		got, err := parseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "-1", "-1s", "soon", "1 s", "1e300", "NaN", "Inf", "1000000h"} {
		_, err := parseDuration(bad)
		require.Error(t, err, bad)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "64KiB": 64 << 10, "5 MiB": 5 << 20, "2GiB": 2 << 30} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "-1", "1KB", "1.5MiB", "KiB", "9999999999999GiB", "1e3"} {
		_, err := parseSize(bad)
		require.Error(t, err, bad)
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"1s", "64KiB", "-5", "1e9", "9223372036854775807", "\xff", "1m30s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseDuration(text); err == nil {
			require.GreaterOrEqual(t, d, time.Duration(0))
			again, err := parseDuration(d.String())
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
		if n, err := parseSize(text); err == nil {
			require.GreaterOrEqual(t, n, int64(0))
		}
	})
}
