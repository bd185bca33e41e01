// Command capi is the C library libhermes: it converts C types and handles to and
// from package core, and does nothing else.
//
// The functions of include/hermes.h are written in C (shim.c, text.c, block.c).
// Those that need the Go side enter it through the functions exported here, whose
// names begin with hermesgo_ and which the finished library hides. build.sh builds it.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include -fvisibility=hidden -Wall -Wextra
#include "shim.h"
*/
import "C"

// main is never called; a C library of Go is a main package all the same.
func main() {}
