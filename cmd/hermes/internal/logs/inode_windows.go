// On Windows there is no journal.

package logs

import "io/fs"

// deviceAndInode is "".
func deviceAndInode(fs.FileInfo) string { return "" }
