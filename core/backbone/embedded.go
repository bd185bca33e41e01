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

// startServer runs a NATS server in this process.
func startServer(who string, o *Server, cluster, name string) (*server.Server, error) {
	options, err := serverOptions(o, cluster, name)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, errs.Errorf(errs.EINVAL, "%s cannot run a NATS server: %v", who, err)
	}
	go s.Start()
	if !s.ReadyForConnections(readyTimeout) {
		stopServer(s)
		return nil, errs.Errorf(errs.EADDRINUSE, "%s: its NATS server does not listen at %q and %q: see that the addresses are free", who, o.Client, o.Listen)
	}
	return s, nil
}

// serverOptions are what Server says, in words of NATS.
func serverOptions(o *Server, cluster, name string) (*server.Options, error) {
	tls, err := o.TLS.serverConfig()
	if err != nil {
		return nil, err
	}
	out := &server.Options{ServerName: name, NoSigs: true, NoLog: true, DontListen: o.Client == "",
		JetStream: o.Store != "", StoreDir: o.Store, TLSConfig: tls}
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
