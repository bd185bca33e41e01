package plainfile

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyARegularFileOfBoundedSizeIsRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	text, err := Read(file, 4)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
	_, err = Read(file, 3)
	require.ErrorContains(t, err, "larger than 3 bytes")
	for _, other := range append(special(t), dir) {
		_, err = Read(other, 1000)
		require.ErrorContains(t, err, other)
	}
	_, err = Read(filepath.Join(dir, "none"), 1)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// pieces gives its text in parts, and keeps the buffers that it was read to.
type pieces struct {
	text    []byte
	buffers [][]byte
}

func (p *pieces) Read(to []byte) (n int, err error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n = copy(to[:min(len(to), 100)], p.text)
	p.text = p.text[n:]
	p.buffers = append(p.buffers, to[:n])
	return n, nil
}

func TestAFileThatGrowsLeavesNoPartsOfItsTextBehind(t *testing.T) {
	want := bytes.Repeat([]byte("secret"), 1000)
	p := &pieces{text: want}
	text, err := readAll(p, 10)
	require.NoError(t, err)
	require.Equal(t, want, text)
	clear(text)
	for _, b := range p.buffers {
		require.Equal(t, make([]byte, len(b)), b)
	}
}

func TestNamesOfVariables(t *testing.T) {
	for text, want := range map[string]bool{
		"A": true, "_": true, "a_1": true, "HERMES_KEY": true, "zZ9": true,
		"": false, "1A": false, "A-B": false, "A B": false, "Ä": false, "A\n": false, "A=": false, "\xff": false,
	} {
		require.Equal(t, want, IsVariable(text), "%q", text)
	}
}
