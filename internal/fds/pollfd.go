package fds

// PollFD is a descriptor for event loops that polls readable while a condition holds; on Windows
// it is a SOCKET. It is made at the first Open. It has no lock: its owner's guards it.
type PollFD struct {
	flag  flag
	made  bool
	shown bool // it polls readable
}

// Made reports whether there is a descriptor.
func (p *PollFD) Made() bool { return p.made }

// Open gives the descriptor. It must only be waited on, and ends with Close.
func (p *PollFD) Open() (int, error) {
	if p.made {
		return p.flag.number(), nil
	}
	flag, err := newFlag()
	if err != nil {
		return -1, err
	}
	Track(flag.number())
	p.flag, p.made = flag, true
	return flag.number(), nil
}

// Show makes the descriptor readable, or not.
func (p *PollFD) Show(readable bool) {
	if !p.made || p.shown == readable {
		return
	}
	p.shown = readable
	if readable {
		p.flag.set()
	} else {
		p.flag.clear()
	}
}

// Close closes the descriptor, if there is one.
func (p *PollFD) Close() {
	if p.made {
		Untrack(p.flag.number())
		p.flag.close()
		*p = PollFD{}
	}
}
