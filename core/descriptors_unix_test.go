//go:build unix

package core

import "syscall"

// limitDescriptors bounds how many descriptors this process can have.
func limitDescriptors(n int) error {
	var limit syscall.Rlimit
	setAll(n, &limit.Cur, &limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// setAll sets numbers of any type: those of limits differ between systems.
func setAll[T int64 | uint64](n int, to ...*T) {
	for _, each := range to {
		*each = T(n)
	}
}
