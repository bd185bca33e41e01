package plainfile

import "testing"

// special are paths of things that can be opened, and are no files.
func special(*testing.T) []string { return []string{"NUL"} }
