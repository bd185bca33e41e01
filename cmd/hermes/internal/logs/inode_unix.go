// On Unix a file has a device and an inode.

//go:build unix

package logs

import (
	"fmt"
	"io/fs"
	"syscall"
)

// deviceAndInode is a file as JOURNAL_STREAM names it.
func deviceAndInode(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
