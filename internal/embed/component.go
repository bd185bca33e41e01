package embed

import "time"

// BeginStop begins to stop a core.Component as its Stop does, and does not wait for it. It
// does nothing to one that does not run, nor to one that is started again before it comes to
// that. Package core sets it.
var BeginStop func(component any, timeout time.Duration)
