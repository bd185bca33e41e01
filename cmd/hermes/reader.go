package main

import (
	"io"
	"os"
	"sync"
)

// onReaderGone calls gone when the program at the other end of out, a pipe or a socket, has
// closed it: a write would fail then, but nothing is written while nothing arrives. The function
// that it returns ends the watch.
func onReaderGone(out io.Writer, gone func()) (end func()) {
	if o, ok := out.(*output); ok {
		out = o.to
	}
	file, ok := out.(*os.File)
	if !ok {
		return func() {}
	}
	return sync.OnceFunc(watchReader(file, gone))
}
