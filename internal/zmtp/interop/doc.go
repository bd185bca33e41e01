// Package interop tests the sockets of zmtp with foreign peers: other implementations of the
// protocol, in their own languages and processes, in every role and with either side binding.
// Its tests have the build tag "interop", because they need the toolchains of the foreign
// implementations; `make test-interop` builds everything, runs them and prints the matrix.
//
// Each folder here is a foreign peer: a small program with one socket that the test controls:
//
//	peer pub|sub|xpub|xsub bind|connect ADDRESS...
//
// Its first line of output has the addresses of the socket and the version of the library:
//
//	{"ready": ["tcp://127.0.0.1:40001"], "version": "libzmq 4.3.4"}
//
// or the reason why there is no such socket, after which it ends:
//
//	{"refused": "there is no XPUB in this library"}
//
// With CURVE=server or client in its environment the socket is that end of CURVE, and has the keys
// CURVE_PUBLIC, CURVE_SECRET and CURVE_SERVER, in Z85.
//
// Then it obeys the lines of its standard input, in which a frame is '=' and its bytes in
// hexadecimal, and ends with its input:
//
//	subscribe =746f706963      SUB by its call, XSUB by a message
//	unsubscribe =746f706963
//	send =746f706963 = =00ff   one message of three frames
//
// It prints every message that the socket receives, and subscriptions that reach an XPUB:
//
//	{"message": ["746f706963", "", "00ff"]}
//
// No queue of a foreign peer has a limit, so no message may be lost. One that can send
// heartbeats does so every 100 ms, and reconnects within 100 ms.
package interop
