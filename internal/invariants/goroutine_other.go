//go:build invariants && !amd64

package invariants

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutine identifies the running goroutine, by its id in the head of its stack trace:
// "goroutine 17 [running]:".
func goroutine() uintptr {
	var buf [64]byte
	fields := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	id, err := strconv.ParseUint(string(fields[1]), 10, 64)
	Check(err == nil, "no id of a goroutine in %q", buf)
	return uintptr(id)
}
