package backbone

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/errs"
)

// readyTimeout is how long a NATS server may take to begin to listen.
const readyTimeout = 10 * time.Second

// startServer runs a NATS server in this process. A client needs the token where there is no address
// for clients: a server of a cluster listens for them in any case, and so does so at a port of this
// machine, for no one else. tell is told of errors that the server survives.
func startServer(who string, o *Server, cluster, name, token string, tell func(string)) (*server.Server, error) {
	options, err := serverOptions(o, cluster, name)
	if err != nil {
		return nil, err
	}
	if o.Client == "" {
		options.Authorization = token
	}
	for _, at := range []string{o.Client, o.Listen} {
		if err := free(at); errors.Is(err, errno.EADDRINUSE) {
			return nil, errs.Errorf(errs.EADDRINUSE, "%s: its NATS server cannot listen at %s: %v; stop the program that listens there, or choose another address", who, at, err)
		} else if err != nil {
			return nil, errs.Errorf(errs.EADDRESS, "%s: its NATS server cannot listen at %s: %v; write an address of this machine, or :PORT for all of them", who, at, err)
		}
	}
	if err := claimStore(o); err != nil {
		return nil, errs.Errorf(errs.EIO, "%s: %v", who, err)
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, errs.Errorf(errs.EINVAL, "%s cannot run a NATS server: %v", who, err)
	}
	if err := runServer(s, tell); err != nil {
		return nil, errs.Errorf(errs.EIO, "%s: its NATS server does not start: %v%s", who, err, advice(o))
	}
	return s, nil
}

// runServer starts a server, and waits until it can be used.
func runServer(s *server.Server, tell func(string)) error {
	log := serverLog{fatal: make(chan string, 1), tell: tell}
	s.SetLoggerV2(log, false, false, false)
	ready := make(chan bool, 1)
	go func() {
		s.Start()
		ready <- s.ReadyForConnections(readyTimeout)
	}()
	why := fmt.Sprintf("it is not ready after %v", readyTimeout)
	select {
	case ok := <-ready:
		if ok {
			return nil
		}
	case why = <-log.fatal:
	}
	stopServer(s)
	return errors.New(why)
}

// advice is what to look at when a server does not start.
func advice(o *Server) string {
	if o.Store == "" {
		return ""
	}
	return fmt.Sprintf("; see that the directory %q can be written to, and that no other process uses it", o.Store)
}

// aloneName is a file in the store of a server without a cluster.
const aloneName = "hermes-alone"

// claimStore refuses the store of a server that was alone to one of a cluster, which would delete the streams in it, and
// the other way round, where nothing of them would be found.
func claimStore(o *Server) error {
	if o.Store == "" {
		return nil
	}
	mark := filepath.Join(o.Store, aloneName)
	_, err := os.Stat(mark)
	alone := err == nil
	_, err = os.Stat(filepath.Join(o.Store, server.JetStreamStoreDir))
	used := err == nil
	switch {
	case o.Listen != "" && alone:
		return fmt.Errorf("the store %q is of a post office that was alone, and one that joins others cannot use it: take another directory; what is stored there stays for the time without Listen", o.Store)
	case o.Listen == "" && used && !alone:
		return fmt.Errorf("the store %q is of a post office that has joined others, and one that is alone cannot use it: take another directory, or join the others (Listen)", o.Store)
	case o.Listen != "" || alone:
		return nil
	}
	if err := os.MkdirAll(o.Store, 0o750); err == nil {
		_ = os.WriteFile(mark, []byte("This store is of a NATS server without a cluster.\n"), 0o600) // the server says what is wrong
	}
	return nil
}

// free reports why no program can listen at an address, or nil: the NATS server would only be late.
func free(address string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		err = l.Close()
	}
	return err
}

// serverOptions are what Server says, in words of NATS.
func serverOptions(o *Server, cluster, name string) (*server.Options, error) {
	tls, err := o.TLS.serverConfig()
	if err != nil {
		return nil, err
	}
	out := &server.Options{ServerName: name, NoSigs: true, NoLog: true, DontListen: o.Client == "" && o.Listen == "",
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: o.Store != "", StoreDir: o.Store, TLSConfig: tls}
	if o.Client != "" {
		if out.Host, out.Port, err = hostPort(o.Client); err != nil {
			return nil, err
		}
	}
	if o.Listen == "" {
		return out, nil
	}
	out.Cluster.Name, out.Cluster.TLSConfig = cluster, tls
	if out.Cluster.Host, out.Cluster.Port, err = hostPort(o.Listen); err != nil {
		return nil, err
	}
	if o.Store != "" && len(o.Routes) == 0 {
		return nil, errs.Errorf(errs.EINVAL, "the NATS server at %s, with a store, needs Routes: servers of a cluster store nothing before two of them have met, "+
			"and the first needs the URL of another one too; for a post office that is alone, leave out Listen", o.Listen)
	}
	for _, text := range o.Routes {
		route, err := url.Parse(text)
		if err != nil || route.Host == "" {
			return nil, errs.Errorf(errs.EINVAL, "cannot use the route %q: write it as nats://host:6222", text)
		}
		out.Routes = append(out.Routes, route)
	}
	return out, nil
}

// hostPort splits an address. Port 0 stands for one that is free.
func hostPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, errs.Errorf(errs.EINVAL, "cannot listen at %q: write it as host:port", address)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// stopTimeout is how long a NATS server may take to stop. It writes what it has, and tells others of its cluster.
const stopTimeout = 10 * time.Second

// stopServer stops a NATS server, and reports whether it has stopped. One that hangs, with its disk as a rule, is left behind.
func stopServer(s *server.Server) bool {
	return within(stopTimeout, func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
}

// within waits until f has returned, and not longer.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
