package tlsconfig

import (
	"fmt"
	"time"
)

// A certificate that expires is reported warnBefore its end, and again every warnEvery.
const (
	warnBefore = 14 * 24 * time.Hour
	warnEvery  = 24 * time.Hour
)

// LookEvery is how often Expiry.Due is to be called, because files may change.
const LookEvery = time.Hour

// Expiry decides when it is time to warn of the own certificate of a Config. One goroutine at a
// time uses it.
type Expiry struct {
	Config *Config
	warned time.Time
}

// Due gives the warning that is due at the time now, or "".
func (e *Expiry) Due(now time.Time) string {
	at, subject := e.Config.current().expires()
	if at.IsZero() || at.Sub(now) > warnBefore || now.Sub(e.warned) < warnEvery && !e.warned.IsZero() {
		return ""
	}
	e.warned = now
	day := at.UTC().Format("2006-01-02 15:04 MST")
	if now.After(at) {
		return fmt.Sprintf("the certificate %s in %s has expired at %s: peers refuse it; replace the file", subject, e.Config.settings.Cert, day)
	}
	days := int(at.Sub(now) / (24 * time.Hour))
	return fmt.Sprintf("the certificate %s in %s expires in %d days, at %s: replace the file before", subject, e.Config.settings.Cert, days, day)
}
