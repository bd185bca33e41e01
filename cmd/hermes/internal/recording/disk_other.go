// Elsewhere a file is written with all that belongs to it.

//go:build !linux

package recording

import "os"

// syncData has what was written to a file reach the disk.
func syncData(f *os.File) error { return f.Sync() }
