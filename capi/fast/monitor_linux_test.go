package fast

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSecondThreadOfTheRuntimeWakesUpRarely(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all := monitorSlacks()
	own := all[3]
	require.Positive(t, own)
	require.Equal(t, [5]int64{own, int64(5 * time.Millisecond), own, own, own}, all)
}

func TestTheSecondThreadOfTheRuntimeIsItsMonitor(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src/runtime/proc.go"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(source), "\nfunc main() {\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n}\n")
	text = regexp.MustCompile(`//.*`).ReplaceAllString(text, "")
	first := regexp.MustCompile(`\b(newm\(\w+|startTemplateThread|gcenable|doInit\w*|go )`).FindString(text)
	require.Equal(t, "newm(sysmon", first, "nothing starts a thread before")
}
