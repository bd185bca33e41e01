package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/hermes-zmq/hermes/internal/plainfile"
)

// A context is a post office under a name: where it is, and what it takes to be let in.
//
//	$XDG_CONFIG_HOME/hermes/contexts/NAME.toml   one context, mode 0600
//	$XDG_CONFIG_HOME/hermes/context              the name of the context that is in use, if any
//
// Without XDG_CONFIG_HOME the folder is ~/.config.
type contextFile struct {
	In      string            `toml:"in,omitempty" json:"in,omitempty"`   // publishers connect to it
	Out     string            `toml:"out,omitempty" json:"out,omitempty"` // receivers connect to it
	HTTP    string            `toml:"http,omitempty" json:"http,omitempty"`
	Options map[string]string `toml:"options,omitempty" json:"options,omitempty"` // as of --set
}

// contextVariable is the environment variable that names a context.
const contextVariable = "HERMES_CONTEXT"

// longestContext is how long a file of a context may be, in bytes.
const longestContext = 1 << 20

var contextName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// configFolder is where all contexts are.
func configFolder() (string, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for contexts: %w; set XDG_CONFIG_HOME to an absolute path", err)
	}
	return filepath.Join(base, "hermes"), nil
}

// contextPath is the file of a context.
func contextPath(name string) (string, error) {
	if !contextName.MatchString(name) {
		return "", usageError{fmt.Sprintf("%q cannot name a context; a name has letters, digits, _, . and -, and does not begin with . or -", name)}
	}
	folder, err := configFolder()
	return filepath.Join(folder, "contexts", name+".toml"), err
}

// readContext reads a context.
func readContext(name string) (c contextFile, err error) {
	path, err := contextPath(name)
	if err != nil {
		return c, err
	}
	text, err := plainfile.Read(path, longestContext)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, usageError{fmt.Sprintf("there is no context %q; hermes context ls lists all, and hermes context set %s --in ADDRESS --out ADDRESS makes it", name, name)}
	case err != nil:
		return c, fmt.Errorf("context %q: %w", name, err)
	}
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		var strict *toml.StrictMissingError
		var where *toml.DecodeError
		switch {
		case errors.As(err, &strict):
			return c, fmt.Errorf("%s: unknown key:\n%s", path, strict.String())
		case errors.As(err, &where):
			row, _ := where.Position()
			return c, fmt.Errorf("%s, line %d: %w", path, row, err)
		}
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// write keeps the context under a name.
func (c contextFile) write(name string) error {
	path, err := contextPath(name)
	if err != nil {
		return err
	}
	text, err := toml.Marshal(c)
	if err != nil {
		return err
	}
	return replaceFile(path, text)
}

// replaceFile writes a whole file for its owner alone, so that a reader sees the old text or the new.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// contextNames are the names of all contexts, in order.
func contextNames() ([]string, error) {
	folder, err := configFolder()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(folder, "contexts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), ".toml"); is && contextName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// removeContext removes a context; if it is in use, none is then.
func removeContext(name string) error {
	if _, err := readContext(name); err != nil {
		var missing usageError
		if errors.As(err, &missing) {
			return err
		}
	}
	path, err := contextPath(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if used, err := usedContext(); err != nil || used != name {
		return err
	}
	return useContext("")
}

// usedContext is the name of the context that `hermes context use` has chosen, or "".
func usedContext() (string, error) {
	folder, err := configFolder()
	if err != nil {
		return "", nil // neither is there one to choose
	}
	text, err := plainfile.Read(filepath.Join(folder, "context"), longestContext)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// useContext chooses a context; "" chooses none.
func useContext(name string) error {
	folder, err := configFolder()
	if err != nil {
		return err
	}
	path := filepath.Join(folder, "context")
	if name != "" {
		return replaceFile(path, []byte(name+"\n"))
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// settings are the options of the context, in the order of their keys.
func (c contextFile) settings() settings {
	var all settings
	for _, key := range slices.Sorted(maps.Keys(c.Options)) {
		all = append(all, setting{key, c.Options[key]})
	}
	return all
}
