package option

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Path is the path of a file. Empty is none.
type Path struct {
	exists bool // the file has to be there

	mu   sync.Mutex
	text string
}

// Path adds the Path of a file that may not be there yet, which is empty by default.
func (o *Set) Path(key string, live bool, usage string) *Path {
	return add(o, key, live, usage, &Path{})
}

// ExistingPath is Path for a file that is there.
func (o *Set) ExistingPath(key string, live bool, usage string) *Path {
	return add(o, key, live, usage, &Path{exists: true})
}

func (x *Path) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Set implements Variable. A relative path is made absolute, so that it stays the same file
// wherever the program goes.
func (x *Path) Set(text string) error {
	if text != "" {
		full, err := filepath.Abs(text)
		if err != nil {
			return fmt.Errorf("the working directory is not known: %w", err)
		}
		switch info, err := os.Stat(full); {
		case err != nil && x.exists:
			return err
		case err == nil && info.IsDir():
			return fmt.Errorf("%s is a directory", full)
		}
		text = full
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text = text
	return nil
}
