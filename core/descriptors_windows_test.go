package core

// limitDescriptors does nothing: there is no such limit.
func limitDescriptors(int) error { return nil }
