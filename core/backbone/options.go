package backbone

import "time"

// Options say how a post office joins. The zero value of a field stands for what its comment says.
type Options struct {
	Servers       []string  // URLs of NATS servers to use: nats://host:4222, tls://host:4222. Empty: Embedded
	Embedded      *Server   // runs a NATS server inside this process, and uses it. Nil: none
	Cluster       string    // names the backbone; sites of other clusters are not heard. "": DefaultCluster
	Site          string    // names this post office on the backbone. "": the name of the host
	Export        []string  // topic prefixes that may leave this site. Empty: everything
	Import        []string  // topic prefixes that may enter it. Empty: everything
	Durable       []Durable // topics that survive outages
	Backlog       Backlog   // where messages of durable topics wait while NATS is away
	Credentials   string    // file with a JWT and a seed (.creds). "": none
	NKey          string    // file with an nkey seed. "": none
	TLS           TLS       // for connections to Servers
	QueueMessages int       // how many messages may wait for NATS. 0: DefaultQueueMessages
	QueueBytes    int64     // how many bytes. 0: DefaultQueueBytes
}

// Server is a NATS server inside this process.
type Server struct {
	Listen string   // "host:port" where other servers of the cluster connect. "": no cluster
	Routes []string // nats://host:6222 of other servers of the cluster
	Client string   // "host:port" for clients. "": this process alone
	Store  string   // directory of JetStream. "": no JetStream
	TLS    TLS      // of Listen and Client
}

// Durable is a set of topics that survive outages, and for how long. 0 is no bound.
type Durable struct {
	Prefix      string        // of the topics
	MaxAge      time.Duration // how long a message is kept
	MaxBytes    int64         // how much of all messages is kept
	MaxMessages int64         // how many are kept
	Replicas    int           // on how many servers each is stored. 0: 1
}

// Backlog is where messages of durable topics wait for JetStream.
type Backlog struct {
	Dir      string // directory of its files, of this post office alone. "": a temporary one, which Close removes
	MaxBytes int64  // size of its files. 0: DefaultBacklogBytes
}

// TLS names PEM files. All empty: no TLS, except with Servers that begin with tls://.
type TLS struct {
	CA   string // certificates of the authorities that are trusted. "": those of the system
	Cert string // certificate of this end, with Key
	Key  string
}

// Defaults of Options.
const (
	DefaultCluster       = "hermes"
	DefaultQueueMessages = 100_000
	DefaultQueueBytes    = int64(64 << 20)
	DefaultBacklogBytes  = int64(1 << 30)
)
