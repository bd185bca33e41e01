//go:build invariants

#include "textflag.h"

// func goroutine() uintptr
//
// In thread-local storage is the address of the runtime's descriptor of the running
// goroutine.
TEXT ·goroutine(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET
