package zmtp

import "testing"

// openFiles is 0: handles are not listed.
func openFiles(*testing.T) int { return 0 }
