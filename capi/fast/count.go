//go:build hermestest

package fast

/*
#cgo CFLAGS: -DFAST_COUNT
#include "count.h"
*/
import "C"

// Spared is how many calls in this process did not enter Go, by a key for each function.
func Spared(key string) (n uint64, known bool) {
	which, known := map[string]C.int{
		"test.spared.publish":         C.FAST_COUNT_PUBLISH,
		"test.spared.publish_try":     C.FAST_COUNT_TRY,
		"test.spared.publish_marshal": C.FAST_COUNT_MARSHAL,
		"test.spared.recv":            C.FAST_COUNT_RECV,
		"test.spared.quiet":           C.FAST_COUNT_QUIET,
		"test.spared.handoff":         C.FAST_COUNT_HANDOFF,
	}[key]
	if !known {
		return 0, false
	}
	return uint64(C.fast_counted(which)), true
}
