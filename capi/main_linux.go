package main

// #cgo CFLAGS: -I${SRCDIR}/../internal/fds/inherit
import "C"

import _ "github.com/hermes-zmq/hermes/internal/fds/inherit" // C code for start_linux.c
