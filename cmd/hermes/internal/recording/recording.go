// Package recording records envelopes in files, and reads and plays what was recorded. Files are
// MCAP (package mcap), so that other programs read them too. What stands where is described in
// docs/design/recording.md.
//
// Writing, from the receiver to the disk:
//
//	recorder.go  Recorder: configuration, life, the output goroutine
//	inputbuffer.go  what has arrived and is not packed yet
//	packing.go   the goroutine that makes chunks
//	channels.go  which channel an envelope belongs to; envelopes and losses as messages
//	frames.go    the frames of an envelope, in a message and a channel, and back
//	schema.go    the shape of data, for programs that want to know it beforehand
//	files.go     output to files: rotation, quota, free disk
//	outfile.go   one file, its unfinished name, its books
//	ring.go      output to memory, until there is a reason
//	books.go     what a file says about itself, in metadata
//	names.go     names of files
//
// Reading:
//
//	envelopes.go Envelopes gives what is in files; Filter chooses
//	play.go      Play sends it at its time
//	summary.go   Summarize says what a file has
//	verify.go    Verify compares numbers, loss records and books
//	copy.go      Recover and Cut write files of others
//
// No frame of an envelope is changed on the way into a file and out of it.
package recording
