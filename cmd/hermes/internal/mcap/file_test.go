package mcap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoMCAPFileIsRefused(t *testing.T) {
	for _, text := range []string{"", "x", "a text that is longer than the magic bytes"} {
		_, err := Read(bytes.NewReader([]byte(text)), int64(len(text)), "a.txt")
		require.ErrorIs(t, err, ErrNotMCAP)
		require.ErrorContains(t, err, "a.txt")
	}
	_, _, err := Open(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = Open(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
}

func TestAFileIsOpenedByItsName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	file, messages := example(t, 2, 3, Zstd)
	require.NoError(t, os.WriteFile(name, file, 0o600))
	f, end, err := Open(name)
	require.NoError(t, err)
	require.Equal(t, messages, all(t, Query{}, f))
	require.NoError(t, end())
}

// Whatever a file says, it is read within bounds, and without a panic.
func FuzzReader(f *testing.F) {
	for _, compression := range []string{None, Zstd} {
		file, _ := example(f, 2, 4, compression)
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		_, _ = Check(bytes.NewReader(file), int64(len(file)), "fuzz")
		m, err := Read(bytes.NewReader(file), int64(len(file)), "fuzz")
		if err == nil {
			for _, err := range Messages([]*File{m}, Query{}) {
				if err != nil {
					break
				}
			}
			for _, x := range m.Metadata {
				_, _ = m.MetadataAt(x)
			}
		}
		var out bytes.Buffer
		if _, err := Recover(bytes.NewReader(file), &out, nil, nil); err != nil {
			return
		}
		if problems, err := Check(bytes.NewReader(out.Bytes()), int64(out.Len()), "recovered"); err != nil || len(problems) > 0 {
			t.Fatalf("what was recovered is not whole: %v %q", err, problems)
		}
	})
}
