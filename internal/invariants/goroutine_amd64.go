//go:build invariants

package invariants

// goroutine identifies the running goroutine, for as long as it runs.
func goroutine() uintptr
