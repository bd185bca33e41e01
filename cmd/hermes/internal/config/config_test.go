package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// pairs is the value of --set.
type pairs [][2]string

func (p *pairs) String() string     { return "" }
func (p *pairs) Type() string       { return "key=value" }
func (p *pairs) Pairs() [][2]string { return *p }
func (p *pairs) Set(text string) error {
	for i := range text {
		if text[i] == '=' {
			*p = append(*p, [2]string{text[:i], text[i+1:]})
			return nil
		}
	}
	return os.ErrInvalid
}

func (p *pairs) get(key string) (last string) {
	for _, one := range *p {
		if one[0] == key {
			last = one[1]
		}
	}
	return last
}

type values struct {
	*pflag.FlagSet
	in, level     string
	stats         time.Duration
	join, durable []string
	yes           bool
	set           pairs
}

func declared() *values {
	v := &values{FlagSet: pflag.NewFlagSet("office", pflag.ContinueOnError)}
	v.SortFlags = false
	v.StringVar(&v.in, "in", "tcp://127.0.0.1:6000", "`address` for publishers")
	v.StringVar(&v.level, "log-level", "info", "how much is logged")
	v.DurationVar(&v.stats, "stats", 0, "print counters")
	v.StringSliceVar(&v.join, "join", nil, "servers")
	v.StringArrayVar(&v.durable, "durable", nil, "prefixes")
	v.BoolVar(&v.yes, "yes", false, "a switch")
	v.String("token", "", "a secret")
	v.String("config", "", "the file")
	v.Var(&v.set, "set", "an option")
	MarkLive(v.FlagSet, "log-level")
	MarkSecret(v.FlagSet, "token")
	return v
}

func options(file string, environ ...string) Options {
	return Options{File: file, Environ: environ, Skip: []string{"config"}, Tables: map[string]Table{"set": {
		Aliases: []string{"options"},
		Keys: []Key{
			{Name: "queue.messages", Default: "1000", Live: true}, {Name: "queue.full", Default: "auto"}, {Name: "on_slow", Default: "stop"},
			{Name: "curve.clients"},
		},
	}}}
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "office.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func setting(t *testing.T, c *Config, key string) Setting {
	t.Helper()
	s, err := c.Setting(key)
	require.NoError(t, err)
	return s
}

func TestTheFlagCountsBeforeTheEnvironmentTheFileAndTheDefault(t *testing.T) {
	file := written(t, `
in = "tcp://file:1"
log-level = "debug"
stats = "5s"
join = ["nats://u:p@a:4222", "b"]
durable = ["x/,age=1h,bytes=1G", "y z/"]
yes = true

[set]
queue.messages = 10
"queue.full" = "block"
curve.clients = ["a", "b"]
`)
	v := declared()
	require.NoError(t, v.Parse([]string{"--in", "tcp://flag:1", "--set", "queue.full=drop_new", "--set", "queue.full=drop_old"}))
	c, err := Load(v.FlagSet, options(file, "HERMES_IN=tcp://env:1", "HERMES_LOG_LEVEL=error", "HERMES_SET_QUEUE_MESSAGES=20", "HERMES_STATS=", "PATH=/bin"))
	require.NoError(t, err)
	require.Equal(t, "tcp://flag:1", v.in)
	require.Equal(t, "error", v.level)
	require.Equal(t, 5*time.Second, v.stats)
	require.Equal(t, []string{"nats://u:p@a:4222", "b"}, v.join)
	require.Equal(t, []string{"x/,age=1h,bytes=1G", "y z/"}, v.durable, "commas of the file are no separators")
	require.True(t, v.yes)
	require.True(t, v.Changed("join") && v.Changed("stats"))
	require.False(t, v.Changed("token"))
	require.Equal(t, "20", v.set.get("queue.messages"))
	require.Equal(t, "drop_old", v.set.get("queue.full"), "the last flag counts")
	require.Equal(t, "a,b", v.set.get("curve.clients"))
	for key, want := range map[string]string{
		"in": "--in", "log-level": "HERMES_LOG_LEVEL", "stats": file + ":4", "join": file + ":5", "yes": file + ":7", "token": "default",
		"set.queue.messages": "HERMES_SET_QUEUE_MESSAGES", "queue.full": "--set queue.full", "options.curve.clients": file + ":12", "on_slow": "default",
	} {
		require.Equal(t, want, setting(t, c, key).From.String(), key)
	}
	require.Equal(t, "stop", setting(t, c, "on_slow").Value)
	require.True(t, setting(t, c, "log-level").Live)
	require.False(t, setting(t, c, "in").Live)
	require.Equal(t, "nats://...@a:4222, b", setting(t, c, "join").Masked().Value)
	require.Equal(t, "address for publishers", setting(t, c, "in").Usage)
	_, err = c.Setting("queue.messges")
	require.ErrorContains(t, err, `did you mean "queue.messages"?`)
}

func TestListsOfTheEnvironment(t *testing.T) {
	v := declared()
	_, err := Load(v.FlagSet, options("", "HERMES_DURABLE=a/,age=1h  b/", "HERMES_JOIN=c,d", "HERMES_TOKEN=x"))
	require.NoError(t, err)
	require.Equal(t, []string{"a/,age=1h", "b/"}, v.durable)
	require.Equal(t, []string{"c", "d"}, v.join)
}

func TestAllThatIsWrongIsToldWithItsLine(t *testing.T) {
	v := declared()
	_, err := Load(v.FlagSet, options(written(t, "in = 1\nin = 2\n")))
	require.ErrorContains(t, err, "office.toml:2: it is not valid TOML")
	_, err = Load(v.FlagSet, options(written(t, "token = 2026-11-30\n")))
	require.ErrorContains(t, err, "office.toml:1: token: no setting is a date")

	file := written(t, `inn = "tcp://*:1"
stats = "often"
yes = ["a"]
token = [1, [2]]
when = 2026-11-30
queue = 1
config = "x"
in = {a = 1}
[set]
quue.messages = 1
queue.full = "auto"
[options]
queue.full = "block"
[sett]
x = 1
`)
	_, err = Load(v.FlagSet, options(file, "HERMES_SET_QUEUE_MESAGES=1", "HERMES_STATS=x"))
	for _, want := range []string{
		`HERMES_SET_QUEUE_MESAGES: there is no such option; did you mean "HERMES_SET_QUEUE_MESSAGES"?`,
		`HERMES_STATS: stats cannot be "x"`,
		`office.toml:1: there is no setting "inn"; did you mean "in"?`,
		`office.toml:2: stats cannot be "often": `,
		`office.toml:3: "yes" takes one value, and not a list`,
		`office.toml:4: token: a list has strings and numbers only`,
		`office.toml:5: there is no setting "when"`,
		`office.toml:6: there is no setting "queue"; it stands below [set]`,
		`office.toml:7: there is no setting "config": it can stand on the command line only`,
		`office.toml:8: "in" is one value, and not a table`,
		`office.toml:10: there is no setting "quue.messages"; did you mean "queue.messages"?`,
		`office.toml:13: queue.full is there already, in line 11; keep one`,
		`office.toml:14: there is no setting "sett"; did you mean "set"?`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.Len(t, err, 13)
	require.Equal(t, "tcp://127.0.0.1:6000", v.in, "nothing is set where anything is wrong")
	require.False(t, v.Changed("stats"))

	_, err = Load(v.FlagSet, options(filepath.Join(t.TempDir(), "none")))
	require.ErrorContains(t, err, "no such file")
}

func TestSecretsAreNotShown(t *testing.T) {
	v := declared()
	c, err := Load(v.FlagSet, options(written(t, `token = "hush"`)))
	require.NoError(t, err)
	require.Equal(t, "(secret)", setting(t, c, "token").Masked().Value)
}

func TestAVariableThatIsAlmostASettingIsToldOf(t *testing.T) {
	c, err := Load(declared().FlagSet, options("", "HERMES_LOG_LEVLE=debug", "HERMES_LIBRARY=/usr/lib/libhermes.so", "HERMES_CONFIG=/etc/x", "HERMES_OLD_PYTHON=x"))
	require.NoError(t, err)
	require.Equal(t, []string{"the environment variable HERMES_LOG_LEVLE means nothing; did you mean HERMES_LOG_LEVEL?"}, c.Warnings)
}

func TestReloadingTellsWhatHasChanged(t *testing.T) {
	file := written(t, "log-level = \"info\"\ndurable = [\"a\"]\n[set]\nqueue.full = \"block\"\nqueue.messages = 5\n")
	v := declared()
	require.NoError(t, v.Parse([]string{"--in", "x", "--durable", "b,c", "--durable", "d", "--set", "queue.full=auto", "--yes"}))
	c, err := Load(v.FlagSet, options(file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("log-level = \"error\"\nin = \"y\"\nstats = \"1s\"\n[set]\nqueue.full = \"drop_old\"\n"), 0o600))
	again := declared()
	later, err := c.Reload(again.FlagSet)
	require.NoError(t, err)
	require.Equal(t, []string{"b,c", "d"}, again.durable, "what the command line says is said again")
	require.Equal(t, "x", again.in)
	require.True(t, again.yes && again.Changed("durable"))
	require.Equal(t, "auto", again.set.get("queue.full"))
	told := map[string]string{}
	for _, change := range c.Changes(later) {
		told[change.New.Key] = change.Old.Value + " > " + change.New.Value
	}
	require.Equal(t, map[string]string{"log-level": "info > error", "stats": "0s > 1s", "set.queue.messages": "5 > 1000"}, told)
	third := declared()
	last, err := later.Reload(third.FlagSet)
	require.NoError(t, err)
	require.Empty(t, later.Changes(last))
	require.Equal(t, []string{"b,c", "d"}, third.durable)
}

func TestNamesHaveOneVariableEach(t *testing.T) {
	require.Equal(t, "HERMES_NATS_CA", Variable("nats-ca"))
	require.Equal(t, "HERMES_SET_ON_SLOW", Variable("set.on_slow"))
}

func FuzzAFile(f *testing.F) {
	f.Add("in = 1\n[set]\nqueue.full = \"auto\"\nx = {y = [1, {z = 2}]}\n[[a.b]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := Load(declared().FlagSet, options(path)); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}
