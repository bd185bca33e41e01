// On Windows the audit log is a file, which may be renamed while it is open.

package access

import (
	"os"

	"golang.org/x/sys/windows"
)

// appendTo opens a file. Who can read it is what its directory says.
func appendTo(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		const shared = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
		var file windows.Handle
		file, err = windows.CreateFile(name, windows.FILE_APPEND_DATA|windows.SYNCHRONIZE, shared, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return os.NewFile(uintptr(file), path), nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: err}
}

// appendLine writes a line. The caller holds mu.
func (l *auditLog) appendLine(line []byte) error {
	_, err := l.file.Write(line)
	return err
}
