package main

import (
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// shells are those that `hermes completion` writes a script for.
var shells = []string{"bash", "zsh", "fish"}

func newCompletionCommand(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print the script with which a shell completes commands, flags, contexts and live topics",
		Long: `Prints the script with which a shell completes commands, flags, contexts and, by a short subscription to the post
office that stands in the command line, topics. Packages and make install put it where the shells look. Otherwise:

  bash:  hermes completion bash >~/.local/share/bash-completion/completions/hermes
  zsh:   hermes completion zsh >"${fpath[1]}/_hermes"
  fish:  hermes completion fish >~/.config/fish/completions/hermes.fish`,
		Example:   "source <(hermes completion bash)",
		GroupID:   groupSetUp,
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usageError{"takes the name of a shell: bash, zsh or fish"}
			}
			return completionScript(std.out, c.Root(), args[0])
		},
	}
}

// wordsForBash is what cobra's script needs of the package bash-completion, for machines without
// it: the words of the command line, which bash has split at colons and equal signs too.
const wordsForBash = `
if ! declare -F _get_comp_words_by_ref >/dev/null && ! declare -F _init_completion >/dev/null; then
    _get_comp_words_by_ref() {
        local rest=${COMP_LINE} part i joined=
        words=()
        cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            part=${COMP_WORDS[i]}
            if ((i > 0)) && [[ ${rest} != [[:space:]]* && -n ${part} && ${part}${COMP_WORDS[i - 1]} == *[:=]* ]]; then
                words[${#words[@]} - 1]+=${part}
            else
                words+=("${part}")
            fi
            rest=${rest#"${rest%%[![:space:]]*}"}
            rest=${rest#"${part}"}
            if ((i <= COMP_CWORD)); then cword=$((${#words[@]} - 1)); fi
        done
        cur=${words[cword]}
        prev=
        if ((cword > 0)); then prev=${words[cword - 1]}; fi
    }
fi
`

func completionScript(out io.Writer, root *cobra.Command, shell string) error {
	var script strings.Builder
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&script, true)
		script.WriteString(wordsForBash)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	}
	if err == nil {
		_, err = io.WriteString(out, script.String())
	}
	return err
}

const (
	completionTime  = 500 * time.Millisecond // how long a completion may listen
	completionQuiet = 200 * time.Millisecond // without a new topic, it listens no longer
	manyTopics      = 50                     // so many are completed level by level
	mostTopics      = 10_000                 // more are not looked at
)

// complete completes the arguments of a command that talks to a post office: addresses out of the
// contexts, and topics that are published meanwhile.
func (t *target) complete(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	rest, err := t.resolve(args)
	if err != nil {
		return t.knownAddresses(len(args)), directive
	}
	if t.out == "" {
		return nil, directive
	}
	topics := t.liveTopics(word)
	if len(topics) > manyTopics {
		topics = nextLevel(topics, word)
		return slices.DeleteFunc(topics, func(topic string) bool { return slices.Contains(rest, topic) }), directive | cobra.ShellCompDirectiveNoSpace
	}
	return slices.DeleteFunc(topics, func(topic string) bool { return slices.Contains(rest, topic) }), directive
}

// knownAddresses are the addresses that contexts keep for the n-th side that the command needs.
func (t *target) knownAddresses(n int) []string {
	var found []string
	names, _ := contextNames()
	for _, name := range names {
		c, err := readContext(name)
		if err != nil {
			continue
		}
		for i, s := range []side{sideIn, sideOut} {
			wanted := len(t.sides) == 0 || n < len(t.sides) && t.sides[n] == s
			if address := []string{c.In, c.Out}[i]; wanted && address != "" {
				found = append(found, cobra.CompletionWithDesc(address, "context "+name))
			}
		}
	}
	return found
}

// liveTopics listens for the topics that begin with a word.
func (t *target) liveTopics(word string) []string {
	r, err := t.receiver("hermes-completion")
	if err != nil {
		return nil
	}
	defer r.Close()
	if choose(r, []string{word}) != nil || r.Start() != nil {
		return nil
	}
	topics := map[string]bool{}
	end := time.Now().Add(completionTime)
	for quiet := end; len(topics) < mostTopics; {
		until := end
		if quiet.Before(end) {
			until = quiet
		}
		left := time.Until(until)
		if left <= 0 {
			break
		}
		delivery, err := r.Take(1000, left)
		if core.CodeOf(err) == core.ETIMEOUT {
			continue
		}
		if err != nil {
			break
		}
		before := len(topics)
		for i := range delivery.Len() {
			v := delivery.At(i)
			topics[string(v.Topic)] = true
		}
		delivery.Release()
		if len(topics) > before {
			quiet = time.Now().Add(completionQuiet)
		}
	}
	return slices.Sorted(maps.Keys(topics))
}

// nextLevel cuts topics behind the next slash behind a word.
func nextLevel(topics []string, word string) []string {
	levels := map[string]bool{}
	for _, topic := range topics {
		rest, is := strings.CutPrefix(topic, word)
		if !is {
			continue
		}
		if at := strings.Index(rest, "/"); at >= 0 {
			topic = word + rest[:at+1]
		}
		levels[topic] = true
	}
	return slices.Sorted(maps.Keys(levels))
}
