// Package core is hermes as a Go library: publishers, receivers, post offices and
// nodes that exchange envelopes over the ZeroMQ protocol.
//
// A Publisher sends envelopes to a PostOffice, which relays each to the Receivers that have
// subscribed to a prefix of its topic. A Node is a name with a receiver, a publisher, or
// both. All four are Components: they are made, set up, started, stopped (and perhaps
// started again) and closed in the same way.
//
// All methods may be called from any goroutine, but for those of a Delivery. Where a method
// takes a timeout, 0 polls, and a negative one waits without a limit. Every error is an
// *Error.
package core

// Version is the version of hermes.
const Version = "2.0.0"
