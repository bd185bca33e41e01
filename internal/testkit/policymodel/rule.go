package policymodel

// rule is an [[allow]] or a [[deny]].
type rule struct {
	allow              bool
	users, origins     []string
	publish, subscribe []pattern
}
