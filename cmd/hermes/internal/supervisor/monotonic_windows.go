// On Windows no supervisor wants to be told anything.

package supervisor

import "time"

// monotonic is not known.
func monotonic() (now time.Duration, ok bool) { return 0, false }
