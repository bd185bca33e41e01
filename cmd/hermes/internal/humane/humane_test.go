package humane

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatATerminalWouldObeyIsNotShown(t *testing.T) {
	require.Equal(t, "a?]0;x??b?", Text("a\x1b]0;x\a\nb\u202e"))
	require.Equal(t, "a?]0;x?\n\tb?", Plain("a\x1b]0;x\a\n\tb\u202e"))
	require.Empty(t, Plain(""))
	require.Equal(t, "Zürich", Plain("Zürich"))
}

func TestNumbers(t *testing.T) {
	require.Equal(t, "0", Count(0))
	require.Equal(t, "999", Count(999))
	require.Equal(t, "12,345,678", Count(12345678))
	require.Equal(t, "0/s", Rate(0))
	require.Equal(t, "0.017/s", Rate(1.0/60))
	require.Equal(t, "12.5/s", Rate(12.5))
	require.Equal(t, "1,234,568/s", Rate(1234567.8))
	require.Equal(t, "0 B", Bytes(0))
	require.Equal(t, "999 B", Bytes(999))
	require.Equal(t, "1.0 kB", Bytes(1000))
	require.Equal(t, "250 kB", Bytes(250e3))
	require.Equal(t, "1.5 GB", Bytes(1.5e9))
	require.Equal(t, "7.0 TB", Bytes(7e12))
	require.Equal(t, "13 %", Percent(0.125))
}

func TestTimes(t *testing.T) {
	require.Equal(t, "0 s", Seconds(0))
	require.Equal(t, "12 µs", Seconds(12e-6))
	require.Equal(t, "-1.5 ms", Seconds(-0.0015))
	require.Equal(t, "2.25 s", Seconds(2.25))
	require.Equal(t, "10m00s", Seconds(600))
	require.Equal(t, "5s", Age(5.9))
	require.Equal(t, "1h01m", Age(3661))
	require.Equal(t, "2d3h", Age(51*3600))
	require.Equal(t, "-", Age(1.8e9))
}

func TestBars(t *testing.T) {
	require.Equal(t, "····", Bar(0, 4))
	require.Equal(t, "▏···", Bar(0.0001, 4))
	require.Equal(t, "██··", Bar(0.5, 4))
	require.Equal(t, "█▌··", Bar(0.375, 4))
	require.Equal(t, "████", Bar(7, 4))
}

func TestTexts(t *testing.T) {
	require.Equal(t, `""`, Text(""))
	require.Equal(t, "a?[2Jb", Text("a\x1b[2Jb"))
	require.Equal(t, "Zürich", Text("Zürich"))
	require.Equal(t, "ab…fg", Shorten("abcdefg", 5))
	require.Equal(t, "abc", Shorten("abc", 5))
}
