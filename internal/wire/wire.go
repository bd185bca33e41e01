// Package wire translates between an envelope and its four frames, exactly as docs/wire.md
// describes them. It hides the format: JSON strings as CPython's json.dumps writes them,
// timestamps, the sequence trailer, the cache mark, the trace context, and what counts as valid. It knows no
// sockets and no carrier.
//
//	frame  content                                      files
//	0      topic, a JSON string as a rule               jsonstring.go
//	1      origin, a JSON string as a rule              jsonstring.go
//	2      data, any JSON value                         jsoncheck.go, govalues.go
//	3      trace context, if any, time, then cache      tracecontext.go, time.go, cachemark.go, trailer.go
//	       mark and trailer, if any
//
// envelope.go writes and splits envelopes; entry.go reads the JSON arrays of which capi's
// batches consist. What only buys speed is apart, and changes no result: swar.go (several
// bytes at a time), templatecache.go (data like data before it), streammemo.go (messages
// like messages before them).
//
// Functions keep no reference to their arguments; results are views of an argument where
// their comment says so. Package-level functions are safe for concurrent use. The only lock
// is that of TemplateCache, which is only ever tried.
package wire
