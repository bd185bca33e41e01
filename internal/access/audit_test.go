package access

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAClosedLogStaysClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	l, err := openAudit(path, func(error) {})
	require.NoError(t, err)
	l.close()
	l.reopen()
	_, err = l.file.WriteString("x")
	require.ErrorIs(t, err, os.ErrClosed)
}
