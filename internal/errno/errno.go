// Package errno has the errors that a system gives for sockets and pipes, under one name on every system.
//
// Unix numbers them as package syscall does. Windows has two sets: those of Winsock (WSAECONNREFUSED),
// which its calls return, and numbers of the same names that Go has invented for portable code, which no call
// returns. So a comparison with syscall.ECONNREFUSED compiles there, and is never true.
package errno

import "errors"

// Exhausted reports an error that says that the process or the system has no more descriptors or memory.
func Exhausted(err error) bool {
	for _, lack := range lacking {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}
