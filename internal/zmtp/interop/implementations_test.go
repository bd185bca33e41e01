//go:build interop

package interop

// The foreign implementations. hermes-zmq 1.3.0, the package that ours replaces, is tested as
// a whole, in mixed clusters, by python/tests/test_old_package.py.
var implementations = []implementation{
	{
		name:    "libzmq",
		command: []string{"build/interop/c/peer"},
	},
	{
		name:    "pyzmq",
		command: []string{"build/venv/bin/python", "python/peer.py"},
	},
	{
		name:    "jeromq",
		command: []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "build/interop/java/classes:build/interop/java/lib/*", "Peer"},
		lacks: []lack{
			{"", "", "ipc", "ipc:// is tcp by another name, for JeroMQ alone, as its README says"},
		},
	},
	{
		name:    "zeromq.js",
		command: []string{"node", "build/interop/node/peer.js"},
	},
	{
		name:    "zeromq.rs",
		command: []string{"build/interop/rust/debug/zeromq"},
		lacks: []lack{
			{scenario: "curve", reason: "there is no CURVE in zeromq 0.7"},
			{"pub", "connect", "we_restart", "a PUB does not connect again: in zeromq 0.7 only SUB and XSUB do"},
			{"xpub", "connect", "we_restart", "an XPUB does not connect again: in zeromq 0.7 only SUB and XSUB do"},
		},
	},
	{
		name:    "rzmq",
		command: []string{"build/interop/rust/debug/rzmq"},
		lacks: []lack{
			{scenario: "curve", reason: "its CURVE is not tested"},
			{role: "xpub", reason: "there is no XPUB: SocketType of rzmq 0.5 ends with PUB and SUB"},
			{role: "xsub", reason: "there is no XSUB: SocketType of rzmq 0.5 ends with PUB and SUB"},
		},
	},
	{
		name:    "go-zeromq",
		command: []string{"build/interop/go/peer"},
		lacks: []lack{
			{scenario: "curve", reason: "there is no CURVE in go-zeromq 0.17"},
			{"xsub", "", "we_restart", "an XSUB does not subscribe again after a break: in go-zeromq 0.17 only a SUB does"},
		},
	},
}
