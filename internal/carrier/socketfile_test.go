package carrier

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileThatIsNotAskedForIsZero(t *testing.T) {
	mode := fs.FileMode(0)
	require.True(t, SocketFile{}.IsZero())
	require.False(t, SocketFile{Mode: &mode}.IsZero())
	require.False(t, SocketFile{Group: &Account{}}.IsZero())
}

func TestAnAccountIsShownWithItsNumber(t *testing.T) {
	require.Equal(t, "7", (&Account{ID: 7}).String())
	require.Equal(t, `"web" (7)`, (&Account{ID: 7, Name: "web"}).String())
}
