package fast

// #include "monitor.h"
import "C"

// monitorSlacks are the timer slacks of three threads that are started as the runtime's are, and of
// the caller before and afterwards.
func monitorSlacks() (all [5]int64) {
	var slacks [5]C.long
	C.fast_monitor_slacks(&slacks[0])
	for i, ns := range slacks {
		all[i] = int64(ns)
	}
	return all
}
