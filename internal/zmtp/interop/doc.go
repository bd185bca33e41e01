// Package interop sets the sockets of zmtp against strangers: other
// implementations of the protocol, in their own languages and processes, in every
// role and with either side binding. Its tests have the build tag "interop",
// because they need the toolchains of the strangers; `make test-interop` builds
// everything, runs them and prints the matrix.
//
// Each folder here is one stranger, a small program that puts a socket at the
// disposal of the test:
//
//	peer pub|sub|xpub|xsub bind|connect ADDRESS...
//
// Its first line says where the socket is and what it is made of:
//
//	{"ready": ["tcp://127.0.0.1:40001"], "version": "libzmq 4.3.4"}
//
// or why there is no such socket, after which it ends:
//
//	{"refused": "there is no XPUB in this library"}
//
// Then it does what the lines of its standard input say, frames being written as
// '=' and their bytes in hexadecimal, and ends with its input:
//
//	subscribe =746f706963      SUB by its call, XSUB by a message
//	unsubscribe =746f706963
//	send =746f706963 = =00ff   one message of three frames
//
// Whatever the socket receives it prints, subscriptions that reach an XPUB too:
//
//	{"message": ["746f706963", "", "00ff"]}
//
// No queue of a stranger has a limit, so nothing may get lost. One that can send
// heartbeats does so every 100 ms, and comes back within 100 ms after a break.
package interop
