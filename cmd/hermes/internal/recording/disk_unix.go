// On Unix a directory can be synced, and statfs(2) tells what is free.

//go:build unix

package recording

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncDir makes names of files last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not all file systems can
	return nil
}

// freeOf is how much of the disk of a file is free.
func freeOf(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
