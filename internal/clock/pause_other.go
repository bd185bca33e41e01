// Elsewhere timers of Go are as precise as the system's.

//go:build !linux

package clock

import "time"

// Pause sleeps for d.
func Pause(d time.Duration) { time.Sleep(d) }
