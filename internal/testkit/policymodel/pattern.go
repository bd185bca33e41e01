package policymodel

// pattern is one of a rule, with its line in the text.
type pattern struct {
	text string
	line int
}
