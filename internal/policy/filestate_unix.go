// On Unix the inode of a file, and the time of its last change, tell what keeps size and time of the text.

//go:build unix

package policy

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// stateOfOne says what stat tells of one file.
func stateOfOne(b *strings.Builder, path string) {
	var info unix.Stat_t
	if err := unix.Stat(path, &info); err != nil {
		fmt.Fprintf(b, "%q %v\n", path, err)
		return
	}
	fmt.Fprintf(b, "%q %d:%d %o %d %d.%d\n", path, info.Dev, info.Ino, info.Mode, info.Size, info.Ctim.Sec, info.Ctim.Nsec)
}
