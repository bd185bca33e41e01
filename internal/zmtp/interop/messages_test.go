//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// ticks is n messages of four frames, like those of hermes, of many lengths.
func ticks(topic string, n int) []message {
	all := make([]message, n)
	for i := range all {
		all[i] = message{
			fmt.Sprintf("%s%d", topic, i), `"origin"`,
			fmt.Sprintf(`["tick",%d,%q]`, i, strings.Repeat("x", i%300)),
			fmt.Sprintf("%d.25", 1_700_000_000+i),
		}
	}
	return all
}

// edges is messages at the edges of the framing: empty frames, all bytes, the
// lengths around the step from short frames to long ones and beyond, first bytes
// that would be a subscription in the other direction, many frames; and one frame of 5 MiB.
func edges() (small []message, big message) {
	random := rand.NewChaCha8([32]byte{'e', 'd', 'g', 'e'})
	of := func(n int) string {
		p := make([]byte, n)
		_, _ = random.Read(p)
		return string(p)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	small = []message{
		{""}, {"", ""}, {"", "", "x", ""}, {"\x00"}, {"\x01"}, {"\x01topic", "\x00"}, {"\xff\xfe", "\x04\x05READY"},
		{string(every), "", string(every)},
	}
	for _, n := range []int{1, 2, 8, 9, 253, 254, 255, 256, 257, 258, 511, 512, 8191, 8192, 8193, 65_535, 65_536, 65_537} {
		small = append(small, message{of(n), of(n), "", of(n)})
	}
	small = append(small, make(message, 200), message{"last"})
	return slices.Clip(small), message{"big", "", of(5 << 20), "", "end"}
}

// chunks cuts messages into batches of all sizes up to a limit.
func chunks(all []message, limit int) (batches [][]message) {
	for n := 1; len(all) > 0; n = n*3%limit + 1 {
		n = min(n, len(all))
		batches, all = append(batches, all[:n]), all[n:]
	}
	return batches
}
