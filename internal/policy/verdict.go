package policy

import "fmt"

// cause says why a verdict denies what no rule denies.
type cause uint8

const (
	noRule      cause = iota // no rule allows it
	otherOrigin              // a rule allows it, in the name of others
	notJSON                  // a frame is not a JSON text
)

// Verdict is what a policy says to one question.
type Verdict struct {
	Allowed bool
	Line    int    // of the pattern that decided; 0 where none did
	File    string // the policy's name, as it was given
	cause   cause
}

// Reason says what decided, for people: "policy.toml, line 14".
func (v Verdict) Reason() string {
	switch {
	case v.cause == otherOrigin:
		return fmt.Sprintf("%s, line %d, allows it in the name of other origins only", v.File, v.Line)
	case v.cause == notJSON:
		return "it is not a JSON text"
	case v.Line == 0:
		return fmt.Sprintf("no rule of %s allows it", v.File)
	}
	return fmt.Sprintf("%s, line %d", v.File, v.Line)
}
