// Package plainfile reads whole files of configuration, which are small. A path may be that of anything: a
// pipe that no program writes to would block the reader for good, and a device may have no end.
package plainfile

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Read reads a regular file of at most most bytes. Anything else is an error, which names the path.
func Read(path string, most int64) ([]byte, error) {
	// Not blocking: a pipe is opened at once.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file, but a directory, a pipe or a device", path)
	case info.Size() > most:
		return nil, tooLarge(path, most)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1)) // it may grow meanwhile
	if err == nil && int64(len(text)) > most {
		err = tooLarge(path, most)
	}
	return text, err
}

func tooLarge(path string, most int64) error {
	return fmt.Errorf("%s is larger than %d bytes, which is the limit", path, most)
}
