package fast

import (
	"os"
	"runtime"
)

// spare is how many processors Go has beyond those of the machine. A thread of C keeps one
// between its calls. While a few threads do that, some must be left for the goroutines,
// which otherwise wait until the runtime notices.
const spare = 6

func init() {
	if os.Getenv("GOMAXPROCS") == "" && On(Processors) {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare)
	}
}
