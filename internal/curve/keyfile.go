package curve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// Key files. A certificate file of CZMQ or pyzmq is in ZPL (RFC 4), of which two properties are
// read; comments begin with "#", and values may stand in quotes:
//
//	curve
//	    public-key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
//	    secret-key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"   (in *.key_secret only)
//
// A line that is nothing but a key in Z85 is a public key as well, so a file may list many.
const (
	publicProperty = "public-key"
	secretProperty = "secret-key"

	publicSuffix = ".key"
	secretSuffix = ".key_secret"

	maxKeyFile = 4 << 20
)

// certificate is what a key file says.
type certificate struct {
	public []Public
	secret *Secret
}

// parseKeyFile reads the text of a key file. Errors name the line, and no secret key. Nothing that it
// returns refers to text, and it copies no part of it, so that the caller can wipe it.
func parseKeyFile(text []byte) (found certificate, err error) {
	n := 0
	for line := range strings.Lines(unsafe.String(unsafe.SliceData(text), len(text))) {
		n++
		line = strings.TrimSpace(line)
		if p, err := ParsePublic(line); err == nil {
			found.public = append(found.public, p)
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = unquote(strings.TrimSpace(value))
		switch strings.TrimSpace(name) {
		case publicProperty:
			p, err := ParsePublic(value)
			if err != nil {
				return found, fmt.Errorf("line %d: %w", n, err)
			}
			found.public = append(found.public, p)
		case secretProperty:
			s, err := ParseSecret(value)
			if err != nil {
				return found, fmt.Errorf("line %d: %w", n, err)
			}
			found.secret = &s
		}
	}
	return found, nil
}

func unquote(value string) string {
	for _, quote := range []string{`"`, `'`} {
		if rest, ok := strings.CutPrefix(value, quote); ok {
			inner, _, _ := strings.Cut(rest, quote)
			return inner
		}
	}
	return value
}

// wipe overwrites the secret key.
func (c *certificate) wipe() {
	if c.secret != nil {
		clear(c.secret.b[:])
	}
}

func readKeyFile(path string) (found certificate, err error) {
	text, err := plainfile.Read(path, maxKeyFile)
	if err != nil {
		return found, err
	}
	defer clear(text) // it may have a secret key
	found, err = parseKeyFile(text)
	if err != nil {
		found.wipe()
		return found, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}

// ReadSecretFile reads a *.key_secret file.
func ReadSecretFile(path string) (*Pair, error) {
	found, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if found.secret == nil {
		return nil, fmt.Errorf("%s contains no %s", path, secretProperty)
	}
	defer found.wipe()
	pair, err := found.secret.Pair()
	if err != nil {
		return nil, err
	}
	if len(found.public) > 0 && found.public[0] != pair.Public {
		pair.Wipe()
		return nil, fmt.Errorf("%s: its %s is not that of its %s", path, publicProperty, secretProperty)
	}
	return pair, nil
}

// ReadPublicFile reads a *.key file with one public key; a *.key_secret file has it as well.
func ReadPublicFile(path string) (p Public, err error) {
	found, err := readKeyFile(path)
	found.wipe()
	switch {
	case err != nil:
		return p, err
	case len(found.public) == 1:
		return found.public[0], nil
	case len(found.public) == 0:
		return p, fmt.Errorf("%s contains no %s", path, publicProperty)
	}
	return p, fmt.Errorf("%s contains %d public keys, and one is needed", path, len(found.public))
}

// ReadPublicKeys reads all public keys of a file, or of the *.key files of a directory.
func ReadPublicKeys(path string) (keys []Public, err error) {
	if _, err = os.Stat(path); err != nil {
		return nil, err
	}
	files, err := keyFilesAt(path)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", file)
		}
		if err != nil {
			return nil, err
		}
		found, err := readKeyFile(file)
		found.wipe()
		switch {
		case err != nil:
			return nil, err
		case len(found.public) == 0:
			return nil, fmt.Errorf("%s contains no %s", file, publicProperty)
		}
		keys = append(keys, found.public...)
	}
	return keys, nil
}

const fileHead = `#   ZeroMQ CURVE **%s** Certificate
#   %s

metadata
curve
    public-key = "%s"
`

// WriteFiles writes name.key and name.key_secret, as CZMQ and pyzmq do. It replaces no file.
func (p *Pair) WriteFiles(name string) (public, secret string, err error) {
	public, secret = name+publicSuffix, name+secretSuffix
	text := fmt.Appendf(make([]byte, 0, 1<<10), fileHead, "Secret", "DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.", p.Public)
	text = append(appendZ85(append(text, "    secret-key = \""...), p.secret.b[:]), "\"\n"...)
	defer clear(text[:cap(text)])
	if err = writeNew(secret, text, 0o600); err != nil {
		return "", "", err
	}
	open := fmt.Appendf(nil, fileHead, "Public", "Exchange securely, or use a secure mechanism to verify the contents of this file.", p.Public)
	if err = writeNew(public, open, 0o644); err != nil {
		return "", "", errors.Join(err, os.Remove(secret))
	}
	return public, secret, nil
}

func writeNew(path string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return fill(f, text)
}

// fill writes a new file, and closes it. A file that cannot be written is removed.
func fill(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// keysByFile are the public keys of some files.
type keysByFile map[string][]Public

// readAgain reads all public keys of a file, or of the *.key files of a directory. A file that is
// gone has none. One that cannot be read keeps those that it had last, and err says so.
func (last keysByFile) readAgain(path string) (now keysByFile, err error) {
	files, err := keyFilesAt(path)
	if err != nil {
		return last, err
	}
	now = keysByFile{}
	var failed []error
	for _, file := range files {
		found, err := readKeyFile(file)
		found.wipe()
		switch {
		case err == nil:
			now[file] = found.public
		case !errors.Is(err, fs.ErrNotExist):
			now[file] = last[file]
			failed = append(failed, err)
		}
	}
	return now, errors.Join(failed...)
}

// keyFilesAt are the *.key files of a directory, a file itself, and none where nothing is.
func keyFilesAt(path string) (files []string, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), publicSuffix) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, err
}
