package option

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// FileMode is the permission bits of a file, as an octal number that begins with 0. Empty is none.
type FileMode struct {
	mu   sync.Mutex
	text string
	mode *fs.FileMode
}

// FileMode adds a FileMode, which is empty by default.
func (o *Set) FileMode(key string, live bool, usage string) *FileMode {
	return add(o, key, live, usage, &FileMode{})
}

func (x *FileMode) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is the present mode, or nil.
func (x *FileMode) Get() *fs.FileMode {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.mode
}

// errMode: a number without the 0 is refused, because a program that has written 0o660 may have
// passed it on as 432.
var errMode = errors.New("a mode is an octal number that begins with 0, such as 0660, up to 0777")

// Set implements Variable.
func (x *FileMode) Set(text string) error {
	var mode *fs.FileMode
	if text != "" {
		bits, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
		if text[0] != '0' || err != nil || bits > 0o777 {
			return errMode
		}
		m := fs.FileMode(bits)
		mode = &m
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.mode = text, mode
	return nil
}

// Account is a user or a group, by its name or number. Empty is none.
type Account struct {
	kind   string // user or group
	lookUp func(name string) (number string, err error)

	mu      sync.Mutex
	text    string
	account *carrier.Account
}

// User adds an Account for a user, which is empty by default.
func (o *Set) User(key string, live bool, usage string) *Account {
	return add(o, key, live, usage, &Account{kind: "user", lookUp: func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	}})
}

// Group adds an Account for a group, which is empty by default.
func (o *Set) Group(key string, live bool, usage string) *Account {
	return add(o, key, live, usage, &Account{kind: "group", lookUp: func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	}})
}

func (x *Account) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// Get is the present account, or nil.
func (x *Account) Get() *carrier.Account {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.account
}

// Set implements Variable. A name is looked up at once.
func (x *Account) Set(text string) error {
	account, err := x.parse(text)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.account = text, account
	return nil
}

// reserved is the number that stands for "unchanged" in chown(2).
const reserved = 1<<32 - 1

func (x *Account) parse(text string) (*carrier.Account, error) {
	if text == "" {
		return nil, nil
	}
	number, name := text, ""
	if strings.Trim(text, "0123456789") != "" {
		var err error
		if number, err = x.lookUp(text); err != nil {
			return nil, fmt.Errorf("there is no such %s (%w)", x.kind, err)
		}
		name = text
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil || id == reserved {
		return nil, fmt.Errorf("a %s is given by its name, or by its number, from 0 to %d", x.kind, reserved-1)
	}
	return &carrier.Account{ID: uint32(id), Name: name}, nil
}
