package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
	"github.com/hermes-zmq/hermes/internal/address"
)

// checkConfig prints whether the settings are right. What is wrong with them is printed on standard
// error.
func (o *postOfficeFlags) checkConfig(std streams) error {
	where := o.file
	if where == "" {
		where = "the command line and the environment"
	}
	c, err := o.load()
	if err == nil {
		for _, text := range c.Warnings {
			fmt.Fprintln(std.err, text)
		}
		err = o.try(c)
	}
	if err != nil {
		fmt.Fprintln(std.err, err)
		if _, err := fmt.Fprintf(std.out, "%s: not valid\n", where); err != nil {
			return err
		}
		return exit(exitError)
	}
	_, err = fmt.Fprintf(std.out, "%s: valid\n", where)
	return err
}

// try makes a post office of the settings, and starts it at free ports of this machine, whatever its
// addresses are: so that keys, certificates and the policy are read, and a post office that runs with the same
// settings is not disturbed. It connects to nothing, and joins no other.
func (o *postOfficeFlags) try(c *config.Config) error {
	if _, err := o.backbone.options(); err != nil {
		return err
	}
	// With the addresses as they are: what contradicts them is found before the start.
	office, err := o.office(c, o.in, o.out, o.debug)
	if err != nil {
		return err
	}
	_ = office.Close()
	debug := o.debug
	if debug != "" {
		debug = trialAddresses(debug)
	}
	office, err = o.office(c, trialAddresses(o.in), trialAddresses(o.out), debug)
	if err != nil {
		return err
	}
	defer office.Close()
	if err := office.Start(); err != nil {
		return blame(err)
	}
	return nil
}

// trialAddresses are addresses of the same kinds at free ports, where they are bound.
func trialAddresses(text string) string {
	list, err := address.ParseList(text, true)
	if err != nil {
		return text // it has been parsed before
	}
	var all []string
	for _, bound := range list.Bind {
		a, err := address.Parse(bound)
		if err != nil {
			return text
		}
		at := "tcp://127.0.0.1:*"
		switch a.Transport {
		case "tls", "tls+fd":
			at = "tls://127.0.0.1:*"
		case "ipc":
			at = "ipc://*"
			if a.Abstract() { // it has no file, and options of files contradict it
				at = fmt.Sprintf("ipc://@hermes-check-%d-%s", os.Getpid(), strings.TrimPrefix(a.Path, "@"))
			}
		case "tcp", "fd":
		default: // of libzmq: only it knows them
			at = "inproc://check-" + a.Transport
		}
		all = append(all, address.Prefixed(at, a.Plain && a.Transport != "tls"))
	}
	if len(all) == 0 { // it only connects
		return "tcp://127.0.0.1:*"
	}
	return strings.Join(all, ",")
}
