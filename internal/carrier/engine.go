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
	// Supports tells why the carrier cannot serve an address, or nil.
	Supports(address string) error
	OpenOutlet(OutletConfig) (Outlet, error)
	OpenInlet(InletConfig) (Inlet, error)
}

// Set is the carriers to choose from, in order of preference.
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
// the first that supports all of the addresses. What is no address is so for every
// carrier, and none is asked after the first that says so: one that reads addresses
// less strictly would bind to something else than was meant.
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

// Names lists the carriers, best first.
func (s *Set) Names() []string { return append([]string(nil), s.names...) }
