package carrier

import (
	"errors"
	"fmt"
	"strings"
)

// The values of the option "engine".
const (
	EngineAuto   = "auto"
	EngineZMTP   = "zmtp"
	EngineLibzmq = "libzmq"
)

// Opener opens sockets of one carrier.
type Opener interface {
	// Supports reports why the carrier cannot serve an address, or nil.
	Supports(address string) error
	OpenOutlet(OutletConfig) (Outlet, error)
	OpenInlet(InletConfig) (Inlet, error)
}

// Set is the carriers to choose from, in order of preference. Add must not be called while
// other goroutines use it.
type Set struct {
	names   []string
	openers []Opener
}

// Add appends a carrier.
func (s *Set) Add(name string, o Opener) {
	s.names = append(s.names, name)
	s.openers = append(s.openers, o)
}

// Pick chooses the carrier for a socket: the one that engine names, or with "auto"
// the first that supports all of the addresses. An address that one carrier finds malformed
// is an error, and no further carrier is asked: one that is less strict would bind to
// something else than was meant.
func (s *Set) Pick(engine string, addresses ...string) (Opener, error) {
	var reasons []string
	known := engine == EngineAuto
	for i, name := range s.names {
		if engine != EngineAuto && engine != name {
			continue
		}
		known = true
		err := supportsAll(s.openers[i], addresses)
		if err == nil {
			return s.openers[i], nil
		}
		if errors.Is(err, ErrAddress) {
			return nil, err
		}
		reasons = append(reasons, name+": "+err.Error())
	}
	if !known {
		return nil, fmt.Errorf("no engine %q in this build; there are %s", engine, strings.Join(s.names, ", "))
	}
	return nil, fmt.Errorf("%w: %s", ErrAddress, strings.Join(reasons, "; "))
}

func supportsAll(o Opener, addresses []string) error {
	for _, a := range addresses {
		if err := o.Supports(a); err != nil {
			return err
		}
	}
	return nil
}

// Names lists the carriers in order of preference.
func (s *Set) Names() []string { return append([]string(nil), s.names...) }
