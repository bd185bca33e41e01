package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/address"
)

// sideNames are the names of sockets that systemd passes (FileDescriptorName= of a socket unit), and the settings whose
// addresses they take the place of.
var sideNames = map[string]string{"publishers": "in", "subscribers": "out", "debug": "debug"}

// activate puts the sockets that the program was started with in the place of the addresses that would be bound.
// What is spoken there stays: tls:// and plain+ of those addresses count for the sockets as well. Addresses that
// are connected to stay.
func (o *postOfficeFlags) activate(sockets map[string][]int) error {
	names := make([]string, 0, len(sockets))
	for name := range sockets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var at *string
		switch sideNames[name] {
		case "in":
			at = &o.in
		case "out":
			at = &o.out
		case "debug":
			at = &o.debug
		default:
			return fmt.Errorf("a socket with the name %q was passed; the names are publishers, subscribers and debug: write FileDescriptorName= in the socket unit", name)
		}
		replaced, err := withSockets(*at, sockets[name])
		if err != nil {
			return fmt.Errorf("the setting %q does not fit the sockets %q that were passed: %w", sideNames[name], name, err)
		}
		*at = replaced
	}
	return nil
}

// withSockets is a list of addresses with sockets in place of those that are bound.
func withSockets(text string, sockets []int) (string, error) {
	var list address.List
	if text != "" {
		var err error
		if list, err = address.ParseList(text, true); err != nil {
			return "", err
		}
	}
	form := ""
	for i, bound := range list.Bind {
		a, err := address.Parse(bound)
		if err != nil {
			return "", err
		}
		this := address.Prefixed("fd", a.Plain)
		if a.Transport == "tls" {
			this = "tls+fd"
		}
		if i > 0 && this != form {
			return "", fmt.Errorf("%s has addresses with and without encryption, and all sockets are alike: write one of them, or bind the others here, without sockets", text)
		}
		form = this
	}
	if form == "" {
		form = "fd"
	}
	all := make([]string, 0, len(sockets)+len(list.Connect))
	for _, fd := range sockets {
		all = append(all, fmt.Sprintf("%s://%d", form, fd))
	}
	for _, to := range list.Connect {
		all = append(all, ">"+to)
	}
	return strings.Join(all, ","), nil
}
