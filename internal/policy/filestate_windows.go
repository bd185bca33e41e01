// On Windows a file that has been replaced by another one has another time of creation.

package policy

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// stateOfOne says what the system tells of one file.
func stateOfOne(b *strings.Builder, path string) {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintf(b, "%q %v\n", path, err)
		return
	}
	created := syscall.Filetime{}
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		created = data.CreationTime
	}
	fmt.Fprintf(b, "%q %d %o %d %d\n", path, created.Nanoseconds(), info.Mode(), info.Size(), info.ModTime().UnixNano())
}
