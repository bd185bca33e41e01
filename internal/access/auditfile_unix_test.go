//go:build unix

package access

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPipeThatIsNotReadHoldsNothingUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := openAudit(path, nil)
	require.Error(t, err, "no program reads it")
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close()
	var failures []error
	l, err := openAudit(path, func(err error) { failures = append(failures, err) })
	require.NoError(t, err)
	for range 2000 {
		l.write(entry{Action: "publish", Topic: strings.Repeat("x", 100)})
	}
	l.close()
	require.Len(t, failures, 1)
	require.ErrorIs(t, failures[0], syscall.EAGAIN)
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, `"action":"publish"`)
}
