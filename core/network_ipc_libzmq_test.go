//go:build cgo && !nolibzmq

package core

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionsForASocketFileDoNotCountForLibzmq(t *testing.T) {
	path := "ipc://" + filepath.Join(shortDir(t), "s")
	for _, c := range []struct {
		address string
		code    Code
		says    []string
	}{
		{"@" + path, ENOTSUP, []string{path, "engine zmtp", "ipc.mode"}},
		{"@tcp://127.0.0.1:*", OK, nil},
	} {
		r, err := NewReceiver(c.address, "rec")
		require.NoError(t, err)
		set(t, r, "ipc.mode", "0600", "engine", "libzmq")
		code(t, c.code, r.Start(), c.says...)
		require.NoError(t, r.Close())
	}
}
