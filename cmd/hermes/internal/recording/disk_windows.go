// On Windows names of files last by themselves, and GetDiskFreeSpaceEx tells what is free.

package recording

import "golang.org/x/sys/windows"

// syncDir does nothing.
func syncDir(string) error { return nil }

// freeOf is how much of the disk of a directory is free for this user.
func freeOf(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}
