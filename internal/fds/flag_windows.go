// On Windows a flag is a connection of this process with itself, with one byte on the way or none:
// event loops there wait for sockets only.

package fds

// flag is a socket that polls readable, or does not.
type flag struct{ pair *socketPair }

func newFlag() (flag, error) {
	p, err := newSocketPair()
	return flag{p}, err
}

// number is what an event loop waits for: a SOCKET.
func (f flag) number() int { return f.pair.number(f.pair.reader) }

// set makes one readable that is not.
func (f flag) set() { _, _ = f.pair.writer.Write([]byte{1}) }

// clear makes one unreadable that is readable. It may wait for the byte that is on the way.
func (f flag) clear() {
	var one [1]byte
	_, _ = f.pair.reader.Read(one[:])
}

func (f flag) close() { f.pair.close() }
