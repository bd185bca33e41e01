package option

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimeOfHistoryIsWrittenInSeveralWays(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var o Set
	x := o.Since("since", false, "")
	require.Nil(t, x.At(now))
	for text, want := range map[string]time.Time{
		"all":                       {},
		"10m":                       now.Add(-10 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"250ms":                     now.Add(-250 * time.Millisecond),
		"0":                         time.Unix(0, 0),
		"1700000000":                time.Unix(1_700_000_000, 0),
		"1700000000.5":              time.Unix(1_700_000_000, 5e8),
		"1.7e9":                     time.Unix(1_700_000_000, 0),
		"2023-11-14T22:13:20Z":      time.Unix(1_700_000_000, 0),
		"2023-11-14T23:13:20+01:00": time.Unix(1_700_000_000, 0),
		"2023-11-14T22:13:20.5Z":    time.Unix(1_700_000_000, 5e8),
	} {
		require.NoError(t, x.Set(text), text)
		require.Equal(t, text, x.String())
		require.True(t, want.Equal(*x.At(now)), "%s: %v", text, x.At(now))
	}
	require.NoError(t, x.Set(""))
	require.Nil(t, x.At(now))
	for _, text := range []string{"yesterday", "-1", "-10m", "0s", "NaN", "inf", "1e30", "ALL", "2023-11-14", "1969-12-31T00:00:00Z", "2023-11-14T22:13:20"} {
		require.ErrorContains(t, x.Set(text), "a time is written as", text)
	}
	require.Empty(t, x.String(), "a refused value changes nothing")
}
