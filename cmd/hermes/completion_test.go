package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// completed is what the shell is offered behind some words; the last one is not finished.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	code, out, said := try(t, "", append([]string{"__completeNoDesc"}, words...)...)
	require.Equal(t, exitOK, code, said)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[:len(lines)-1] // the last one is for the script
}

func TestCommandsFlagsAndContextsAreCompleted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	require.NoError(t, contextFile{In: "tcp://a:1", Out: "tcp://a:2"}.write("lab"))
	require.NoError(t, contextFile{Out: "tcp://b:2"}.write("plant"))
	require.Equal(t, []string{"postoffice"}, completed(t, "post"))
	require.Contains(t, completed(t, "sub", "--wh"), "--where")
	require.Equal(t, []string{"lab", "plant"}, completed(t, "sub", "--context", ""))
	require.Equal(t, []string{"lab", "plant"}, completed(t, "context", "rm", ""))
	require.Equal(t, []string{"tcp://a:2", "tcp://b:2"}, completed(t, "sub", ""))
	require.Equal(t, []string{"tcp://a:1"}, completed(t, "pub", ""))
	require.Equal(t, kinds, completed(t, "options", ""))
	require.Contains(t, completed(t, "errors", "HERMES_EAC"), "HERMES_EACCES")
	require.Empty(t, completed(t, "sub", "tcp://127.0.0.1:1", "a"), "no peer answers")
}

func TestTopicsAreCompleted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	_, at := startOffice(t, "--set", "cache.depth=1") // what was published is there at once
	lines := `{"topic":"ticks/EUR","data":1}` + "\n" + `{"topic":"ticks/GBP","data":1}` + "\n" + `{"topic":"news","data":1}`
	code, _, said := try(t, lines, "pub", "--wait", "30s", at["in"])
	require.Equal(t, exitOK, code, said)
	require.Eventually(t, func() bool { // half a second may be over before the first is there
		return len(completed(t, "sub", at["out"], "")) == 3
	}, soon, 1)
	require.NoError(t, contextFile{In: at["in"], Out: at["out"]}.write("lab"))
	for _, words := range [][]string{{"sub", at["out"], "ti"}, {"sub", "--context", "lab", "ti"}, {"pub", "--context", "lab", "ti"}} {
		require.Eventually(t, func() bool {
			return strings.Join(completed(t, words...), " ") == "ticks/EUR ticks/GBP"
		}, soon, 1, words)
	}
	require.Empty(t, completed(t, "pub", at["in"], "ti"), "there nothing comes")
	require.Eventually(t, func() bool {
		return strings.Join(completed(t, "sub", at["out"], "ticks/EUR", "ti"), " ") == "ticks/GBP"
	}, soon, 1)
}

func TestManyTopicsAreCompletedLevelByLevel(t *testing.T) {
	var topics []string
	for i := range 60 {
		topics = append(topics, fmt.Sprintf("a/%d/x", i%3), "a/b")
	}
	require.Equal(t, []string{"a/"}, nextLevel(topics, ""))
	require.Equal(t, []string{"a/0/", "a/1/", "a/2/", "a/b"}, nextLevel(topics, "a/"))
}

func TestScriptsForShells(t *testing.T) {
	for _, shell := range shells {
		code, out, said := try(t, "", "completion", shell)
		require.Equal(t, exitOK, code, said)
		require.Contains(t, out, "__complete")
	}
	for _, args := range [][]string{{}, {"csh"}, {"bash", "zsh"}} {
		code, _, said := try(t, "", append([]string{"completion"}, args...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, said, "bash, zsh or fish")
	}
}

// TestWordsAreJoinedWithoutTheirPackage: bash splits words at colons, and cobra's script has them
// joined by a package that not every machine has.
func TestWordsAreJoinedWithoutTheirPackage(t *testing.T) {
	script := wordsForBash + `
COMP_LINE="hermes sub --set=a=b tcp://127.0.0.1:60 x"
COMP_WORDS=(hermes sub --set = a = b tcp : //127.0.0.1 : 60 x)
for COMP_CWORD in 1 6 11 12; do
    _get_comp_words_by_ref -n =: cur prev words cword
    echo "$cword ${words[cword]} $cur $prev"
done
COMP_LINE="hermes sub "
COMP_WORDS=(hermes sub "")
COMP_CWORD=2
_get_comp_words_by_ref -n =: cur prev words cword
echo "$cword ${#words[@]} <$cur>"
`
	out, err := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-c", script).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, `1 sub sub hermes
2 --set=a=b --set=a=b sub
3 tcp://127.0.0.1:60 tcp://127.0.0.1:60 --set=a=b
4 x x tcp://127.0.0.1:60
2 3 <>
`, string(out))
}
