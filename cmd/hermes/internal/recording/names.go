package recording

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The names of files. A recording that is one file is called as the user says. One of several
// files has a number in front of the extension: "a.mcap" becomes "a-000001.mcap"; numbers go on
// behind the greatest that is there. A dump of a ring has the time in that place. While a file is
// written its name has Part at its end; so a file without it is whole.
const (
	Part      = ".part"
	extension = ".mcap"
	digits    = 6
)

// base is a name without its extension.
func base(name string) string { return strings.TrimSuffix(name, extension) }

// numbered is the name of file n.
func numbered(name string, n int) string {
	return fmt.Sprintf("%s-%0*d%s", base(name), digits, n, extension)
}

// ofRing is the name of a dump.
func ofRing(name string, at time.Time, n int) string {
	text := fmt.Sprintf("%s-%s", base(name), at.UTC().Format("20060102T150405.000Z"))
	if n > 0 {
		text += "-" + strconv.Itoa(n)
	}
	return text + extension
}

// series lists the files of a recording of several files, by their numbers. Unfinished ones, which
// another recorder may be writing, are not among them, but counted for next, the next number.
func series(name string) (files []string, next int, err error) {
	dir := filepath.Dir(name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	next = 1
	for _, e := range entries { // sorted by name, and so by number
		text := e.Name()
		whole := !strings.HasSuffix(text, Part)
		number, found := strings.CutPrefix(strings.TrimSuffix(strings.TrimSuffix(text, Part), extension), filepath.Base(base(name))+"-")
		n, err := strconv.Atoi(number)
		if !found || err != nil || n < 1 || len(number) < digits {
			continue
		}
		next = max(next, n+1)
		if whole {
			files = append(files, filepath.Join(dir, text))
		}
	}
	return files, next, nil
}

// Private are the permissions of files unless told otherwise: what is recorded may be secret.
const Private os.FileMode = 0o600

// create creates a file that does not exist, nor its unfinished form.
func create(name string, mode os.FileMode) (*os.File, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s exists: choose another name, or remove it", name)
	}
	f, err := os.OpenFile(name+Part, os.O_RDWR|os.O_CREATE|os.O_EXCL, cmp.Or(mode, Private))
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s%s exists: another recorder writes it, or has not finished it; then `hermes log recover %[1]s%[2]s` makes a whole file of it", name, Part)
	}
	return f, err
}
