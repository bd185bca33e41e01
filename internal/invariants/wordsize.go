// On machines of 32 bits nothing is built: counters and lengths of the wire are numbers of 64 bits, and
// processor and library differ in what they do with those. The name of what is missing is the error.

//go:build 386 || arm || mips || mipsle

package invariants

var _ = hermes_runs_on_machines_of_64_bits_only
