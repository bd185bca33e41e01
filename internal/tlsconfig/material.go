package tlsconfig

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// material is what the files of a Config contain. It is never changed.
type material struct {
	sum    [sha256.Size]byte // of all that was read
	pair   *tls.Certificate  // nil without Settings.Cert
	roots  *x509.CertPool    // nil: those of the system
	server *tls.Config       // nil without pair
	client *tls.Config       // without the name of the server
}

// maxFile bounds the size of a file of certificates, in bytes; all roots of a system take about 256 KiB.
const maxFile = 4 << 20

func readFile(path string) ([]byte, error) { return plainfile.Read(path, maxFile) }

// ReadCert reads the first certificate in a PEM file.
func ReadCert(path string) (*x509.Certificate, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	all, err := certificates(path, text)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// CheckCert reports why a file has no certificates, or nil.
func CheckCert(path string) error {
	_, err := ReadCert(path)
	return err
}

// certificates are those in the text of a PEM file.
func certificates(path string, text []byte) (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d in it cannot be read: %w", path, len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no certificate in PEM (BEGIN CERTIFICATE)", path)
	}
	return all, nil
}

// CheckKey reports why there is no private key at a path, or in an environment variable, or nil. The
// error contains no part of a key, even if text is one.
func CheckKey(text string) error {
	key, err := readKey(text)
	clear(key)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return fmt.Errorf("the file cannot be read: %w; a private key is given as the path of its PEM file, or as env:NAME", failed.Err)
	}
	return err
}

// readKey reads the private key that Settings.Key names. The caller wipes it.
func readKey(text string) (key []byte, err error) {
	where := text
	switch name, inEnvironment := strings.CutPrefix(text, environment); {
	case strings.Contains(text, "\n") || strings.Contains(text, "PRIVATE"):
		return nil, errors.New("a private key is given as the path of its PEM file, or as env:NAME, and not as its text")
	case inEnvironment && !isVariableName(name):
		return nil, errors.New("env: is followed by the name of an environment variable, and not by its value")
	case inEnvironment:
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("there is no environment variable %s", name)
		}
		key, where = []byte(value), "environment variable "+name
	default:
		if key, err = readFile(text); err != nil {
			return nil, err
		}
	}
	if err = checkKeyText(where, key); err != nil {
		clear(key)
		return nil, err
	}
	return key, nil
}

// isVariableName reports whether a text is the name of a variable, and shorter than a line of PEM, so
// that no part of a key is shown, which a shell may have put in place of the name.
func isVariableName(text string) bool { return len(text) <= 48 && plainfile.IsVariable(text) }

func checkKeyText(where string, key []byte) error {
	encrypted := false
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		clear(block.Bytes)
		if strings.HasSuffix(block.Type, "ENCRYPTED PRIVATE KEY") || block.Headers["DEK-Info"] != "" {
			encrypted = true
		} else if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil
		}
	}
	if encrypted {
		return fmt.Errorf("the private key in %s is encrypted with a password; decrypt it, with openssl pkey for instance", where)
	}
	return fmt.Errorf("%s has no private key in PEM (BEGIN PRIVATE KEY)", where)
}

// CheckCA reports why there are no CA certificates at a path, or nil.
func CheckCA(path string) error {
	_, err := readCAs(path)
	return err
}

// readCAs gives the text of a PEM file, or of all *.pem, *.crt and *.cer files in a directory.
func readCAs(path string) (text []byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = filesOfCAs(path); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		one, err := readFile(file)
		if err != nil {
			return nil, err
		}
		if _, err := certificates(file, one); err != nil {
			return nil, err
		}
		text = append(append(text, one...), '\n')
	}
	return text, nil
}

func filesOfCAs(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the directory %s has no *.pem, *.crt or *.cer file", dir)
	}
	return files, nil
}

// sumOf is a hash of texts, of which it makes no copy.
func sumOf(texts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, text := range texts {
		h.Write(text)
		h.Write([]byte{0})
	}
	h.Sum(sum[:0])
	return sum
}

// load reads what s names. Where it is what was read last, last is returned.
func load(s *Settings, pins map[string]bool, last *material) (*material, error) {
	var cert, key, ca []byte
	var err error
	if s.Cert != "" {
		if cert, err = readFile(s.Cert); err != nil {
			return nil, fmt.Errorf("option tls.cert: %w", err)
		}
		from := s.Key
		if from == "" {
			from = s.Cert
		}
		defer clear(cert) // it may have the key
		if key, err = readKey(from); err != nil {
			return nil, fmt.Errorf("option tls.key: %w", err)
		}
		defer clear(key)
	}
	if s.CA != "" {
		if ca, err = readCAs(s.CA); err != nil {
			return nil, fmt.Errorf("option tls.ca: %w", err)
		}
	}
	sum := sumOf(cert, key, ca)
	if last != nil && last.sum == sum {
		return last, nil
	}
	m := &material{sum: sum}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("options tls.cert and tls.key: %s: %w", s.Cert, err)
		}
		m.pair = &pair
	}
	if ca != nil {
		m.roots = x509.NewCertPool()
		m.roots.AppendCertsFromPEM(ca)
	}
	m.configure(s, pins)
	return m, nil
}

// configure makes the configurations for crypto/tls.
func (m *material) configure(s *Settings, pins map[string]bool) {
	base := tls.Config{
		MinVersion:                  tls.VersionTLS13,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // whole batches are sent, of which no first bytes are waited for
	}
	byPin := func(state tls.ConnectionState) error {
		if f := Fingerprint(state.PeerCertificates[0]); !pins[f] {
			return &PinError{f}
		}
		return nil
	}
	m.client = base.Clone()
	m.client.RootCAs = m.roots
	if len(pins) > 0 {
		m.client.InsecureSkipVerify = true // byPin takes its place
		m.client.VerifyConnection = byPin
	}
	if m.pair == nil {
		return
	}
	// The certificate is shown even if the server names other CAs: then it can say what is wrong with it.
	m.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return m.pair, nil }
	m.server = base.Clone()
	m.server.Certificates = []tls.Certificate{*m.pair}
	switch s.Clients {
	case ByCA:
		m.server.ClientAuth, m.server.ClientCAs = tls.RequireAndVerifyClientCert, m.roots
	case ByBoth:
		m.server.ClientAuth, m.server.ClientCAs, m.server.VerifyConnection = tls.RequireAndVerifyClientCert, m.roots, byPin
	case ByPin:
		m.server.ClientAuth, m.server.VerifyConnection = tls.RequireAnyClientCert, byPin
	}
}

// expires is when the first certificate of the own chain does, and which that is.
func (m *material) expires() (at time.Time, subject string) {
	if m.pair == nil {
		return at, ""
	}
	for _, der := range m.pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err == nil && (at.IsZero() || c.NotAfter.Before(at)) {
			at, subject = c.NotAfter, c.Subject.String()
		}
	}
	return at, subject
}
