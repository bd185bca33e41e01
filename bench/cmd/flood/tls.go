package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// patience is how long an attacker waits for the post office to hang up.
const patience = 20 * time.Second

// certify gives the office and its clients certificates of their own, and makes its locked addresses those of TLS. It
// returns the flags for that.
func (o *office) certify() (flags []string) {
	for side := range o.locked {
		o.locked[side] = strings.Replace(o.locked[side], "tcp://", "tls://", 1)
	}
	pins := map[string]string{}
	for _, name := range []string{"office", "client"} {
		c, text := certificate(name)
		pins[name] = tlsconfig.Fingerprint(c.Leaf)
		must(os.WriteFile(filepath.Join(o.dir, name+".pem"), text, 0o600))
	}
	o.pin = pins["office"]
	return []string{"--set", "tls.cert=" + filepath.Join(o.dir, "office.pem"), "--set", "tls.pins=" + pins["client"]}
}

// certificate makes one, and its text in PEM with the key.
func certificate(name string) (c tls.Certificate, text []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	leaf, err := x509.ParseCertificate(der)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, text
}

// recorder keeps what a client writes first.
type recorder struct {
	net.Conn
	bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.Buffer.Write(p) }
func (*recorder) Read([]byte) (int, error)      { return 0, io.EOF }

// tlsAttacker is a peer that speaks TLS, or begins to.
type tlsAttacker struct {
	address string
	silent  bool
	hello   []byte // a ClientHello
	cfg     tls.Config
}

func newTLSAttacker(address string, silent bool) *tlsAttacker {
	var first recorder
	a := &tlsAttacker{address: address, silent: silent}
	a.cfg = tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	_ = tls.Client(&first, &a.cfg).Handshake()
	a.hello = first.Bytes()
	if !silent {
		c, _ := certificate("stranger")
		a.cfg.Certificates = []tls.Certificate{c}
	}
	return a
}

// shake is one handshake.
func (a *tlsAttacker) shake(kind int) {
	nc, err := net.DialTimeout("tcp", a.address, patience)
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.SetDeadline(time.Now().Add(patience))
	if a.silent {
		_, _ = nc.Write(a.hello[:[]int{0, 2, len(a.hello) - 1, len(a.hello)}[kind%4]])
		_, _ = io.Copy(io.Discard, nc)
		return
	}
	switch kind % 8 {
	case 0:
		_, _ = nc.Write(a.hello[:kind%len(a.hello)])
	case 1, 2:
		c := tls.Client(nc, &a.cfg)
		if kind%8 == 2 {
			none := a.cfg.Clone()
			none.Certificates = nil
			c = tls.Client(nc, none)
		}
		if c.Handshake() == nil {
			_, _ = io.Copy(io.Discard, c) // the refusal
		}
	default: // costs the attacker nothing
		_, _ = nc.Write(a.hello)
		_, _ = io.ReadFull(nc, make([]byte, 5))
	}
}
