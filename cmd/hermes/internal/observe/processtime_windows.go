// On Windows GetProcessTimes tells how long a process has run, in units of 100 ns.

package observe

import (
	"time"

	"golang.org/x/sys/windows"
)

// processTime is the time on the processor that this process has used.
func processTime() time.Duration {
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &began, &ended, &kernel, &user); err != nil {
		return 0
	}
	return ticks(kernel) + ticks(user)
}

func ticks(t windows.Filetime) time.Duration {
	return 100 * time.Duration(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime))
}
