package backbone

import (
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hermes-zmq/hermes/internal/errs"
)

// readyTimeout is how long a NATS server may take to begin to listen.
const readyTimeout = 10 * time.Second

// startServer runs a NATS server in this process. A client needs the token where there is no address
// for clients: a server of a cluster listens for them in any case, and so does so at a port of this
// machine, for no one else.
func startServer(who string, o *Server, cluster, name, token string) (*server.Server, error) {
	options, err := serverOptions(o, cluster, name)
	if err != nil {
		return nil, err
	}
	if o.Client == "" {
		options.Authorization = token
	}
	for _, at := range []string{o.Client, o.Listen} {
		if err := free(at); err != nil {
			return nil, errs.Errorf(errs.EADDRINUSE, "%s: its NATS server cannot listen at %s: %v", who, at, err)
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, errs.Errorf(errs.EINVAL, "%s cannot run a NATS server: %v", who, err)
	}
	go s.Start()
	if !s.ReadyForConnections(readyTimeout) {
		stopServer(s)
		return nil, errs.Errorf(errs.EIO, "%s: its NATS server does not begin; see that %q, %q and the directory %q can be used", who, o.Client, o.Listen, o.Store)
	}
	return s, nil
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

// stopServer waits until a NATS server has stopped.
func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}
