// Package plainfile reads whole files of configuration, which are small. A path may be that of anything: a
// pipe that no program writes to would block the reader for good, and a device may have no end. A file may
// hold a secret key: the text that Read returns is its only copy, for the caller to wipe.
package plainfile

import (
	"errors"
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
	text, err := readAll(io.LimitReader(f, most+1), info.Size()) // it may grow meanwhile
	if err == nil && int64(len(text)) > most {
		err = tooLarge(path, most)
	}
	if err != nil {
		clear(text)
		return nil, err
	}
	return text, nil
}

// readAll is io.ReadAll for about size bytes, and leaves no parts of the text in buffers that were too
// small.
func readAll(r io.Reader, size int64) ([]byte, error) {
	text := make([]byte, 0, max(size+1, 512)) // so that the end is read without another buffer
	for {
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return text, err
		case len(text) == cap(text):
			grown := append(make([]byte, 0, 2*cap(text)), text...)
			clear(text)
			text = grown
		}
	}
}

func tooLarge(path string, most int64) error {
	return fmt.Errorf("%s is larger than %d bytes, which is the limit", path, most)
}

// IsVariable reports whether a text can be the name of an environment variable, which a setting may
// name in place of a file.
func IsVariable(text string) bool {
	for i, c := range text {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}
