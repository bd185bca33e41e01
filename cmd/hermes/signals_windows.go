// On Windows Ctrl-C, Ctrl-Break and the end of the console, the session or the system end a command, and nothing
// asks it for something.

package main

import (
	"os"
	"syscall"
)

// endings are what ends a command. Go gives the name of a signal to each event of the console.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM}

// ignoreClosedPipes does nothing: a closed pipe is an error of the write.
func ignoreClosedPipes() {}

// notifyReload does nothing: a post office reads its policy again when the file changes, and its configuration
// after a restart.
func notifyReload(chan<- os.Signal) {}

// notifyDump does nothing: a ring is written for the other reasons, --on-loss and --where.
func notifyDump(chan<- os.Signal) {}
