package main

import (
	"os"
	"runtime"
)

// spare is how many of Go's processors there are beyond those of the machine. A thread of
// C keeps one between its calls (see core/holder.go), and while a few threads do, there
// must be some left for the goroutines, which otherwise wait until the runtime notices.
const spare = 6

func init() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare)
	}
}
