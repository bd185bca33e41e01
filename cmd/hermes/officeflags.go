package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/address"
)

// shownEvery is the default of the option stats.interval of the command: other commands look at what the
// post office publishes of itself.
const shownEvery = "2s"

// postOfficeFlags are what the command line, the environment and the file of --config say of a post
// office. Every flag that addPostOffice declares can stand in all three, unless it is in notSettings.
type postOfficeFlags struct {
	all                    *pflag.FlagSet
	in, out, debug, policy string
	every                  time.Duration
	settings               *settings
	backbone               *backboneFlags
	http                   *httpFlags
	logFormat, logLevel    string
	logLimit               int

	file          string // --config
	check, health bool
}

// notSettings are flags that say what to do now, and not what a post office is like.
var notSettings = []string{"config", "check-config", "health", "json"}

// addPostOffice declares the flags of a post office.
func addPostOffice(f *pflag.FlagSet) *postOfficeFlags {
	o := &postOfficeFlags{all: f}
	f.SortFlags = false // settings are listed as they are declared
	f.StringVar(&o.in, "in", "tcp://127.0.0.1:6000", "`address` for publishers")
	f.StringVar(&o.out, "out", "tcp://127.0.0.1:6001", "`address` for receivers")
	f.StringVar(&o.debug, "debug", "", "`address` at which a copy of everything is published")
	f.StringVar(&o.policy, "policy", "", "`file` that says who may connect, and what each may publish and receive; read again when it changes, and on SIGHUP")
	o.backbone = addBackbone(f)
	o.http = addHTTP(f)
	f.DurationVar(&o.every, "stats", 0, "print the counters and their rates at this `interval`, and at the end")
	o.settings = addSettings(f)
	f.StringVar(&o.logLevel, "log-level", "info", "least `level` of log records on standard error: debug, info, warning or error")
	f.StringVar(&o.logFormat, "log-format", logs.Text, "`form` of log records: text, json, or journal (text with the priority in front, as the journal of systemd takes it; the default there)")
	f.IntVar(&o.logLimit, "log-limit", logs.DefaultBurst, "log `records` of one kind in a minute; what comes beyond is counted, and the number logged at its end; -1: no limit")
	f.StringVar(&o.file, "config", os.Getenv(config.Variable("config")), "TOML `file` with the values of flags: log-level = \"debug\", and below [set] the options; flags and environment variables (HERMES_LOG_LEVEL) go before it; read again on SIGHUP")
	f.BoolVar(&o.check, "check-config", false, "check all settings, print a verdict and end: with 0 if they are right, else with 1")
	f.BoolVar(&o.health, "health", false, "ask the post office with these settings, which runs on this machine, whether it serves; end with 0 if it does, else with 1")
	config.MarkLive(f, "stats", "log-level", "log-limit")
	return o
}

// load gives the flags the values of the environment and the file. Of a configuration that is wrong
// the error is a usageError.
func (o *postOfficeFlags) load() (*config.Config, error) {
	keys, err := optionKeys()
	if err != nil {
		return nil, err
	}
	c, err := config.Load(o.all, config.Options{
		File: o.file, Environ: os.Environ(), Skip: notSettings,
		Tables: map[string]config.Table{"set": {Aliases: []string{"options"}, Keys: keys}},
	})
	if err != nil {
		return nil, usageError{err.Error()}
	}
	return c, o.checkValues(c)
}

// optionKeys are the options of a post office, as keys of the table [set].
func optionKeys() ([]config.Key, error) {
	list, err := optionsOf("postoffice")
	if err != nil {
		return nil, err
	}
	keys := make([]config.Key, len(list))
	for i, o := range list {
		secret := o.Key == "curve.secret" || o.Key == "tls.key"
		// Another policy needs a restart, though the one in use is read again at any time.
		keys[i] = config.Key{Name: o.Key, Default: o.Default, Usage: o.Usage, Live: o.Live && o.Key != "policy", Secret: secret}
	}
	return keys, nil
}

// checkValues checks what can be checked of single settings.
func (o *postOfficeFlags) checkValues(c *config.Config) error {
	if err := notNegative("stats", o.every); err != nil {
		return located(c, "stats", err)
	}
	if _, err := logs.ParseLevel(o.logLevel); err != nil {
		return located(c, "log-level", usageError{"--log-level: " + err.Error()})
	}
	if _, err := logs.New(io.Discard, logs.Options{Format: o.logFormat}); err != nil {
		return located(c, "log-format", usageError{"--log-format: " + err.Error()})
	}
	if key, err := o.http.check(); err != nil {
		return located(c, key, err)
	}
	for _, side := range []struct{ key, at string }{{"in", o.in}, {"out", o.out}, {"debug", o.debug}} {
		if side.key == "debug" && side.at == "" {
			continue
		}
		if _, err := address.ParseList(side.at, true); err != nil {
			return located(c, side.key, blame(err))
		}
	}
	return nil
}

// office makes a post office with all options; it is not started.
func (o *postOfficeFlags) office(c *config.Config, in, out, debug string) (*core.PostOffice, error) {
	office, err := core.NewPostOffice(in, out, debug)
	if err != nil {
		return nil, blame(err)
	}
	if err := office.Set("stats.interval", shownEvery); err != nil {
		_ = office.Close()
		return nil, blame(err)
	}
	for _, x := range *o.settings {
		if err := office.Set(x.key, x.value); err != nil {
			_ = office.Close()
			return nil, located(c, "set."+x.key, blame(err))
		}
	}
	if o.all.Changed("policy") {
		if err := office.Set("policy", o.policy); err != nil {
			_ = office.Close()
			return nil, located(c, "policy", blame(err))
		}
	}
	return office, nil
}

// located puts in front of an error where the setting came from, unless that is the command line.
func located(c *config.Config, key string, err error) error {
	s, unknown := c.Setting(key)
	if err == nil || unknown != nil || s.From.Kind != config.FromFile && s.From.Kind != config.FromEnvironment {
		return err
	}
	text := fmt.Sprintf("%s: %s", s.From, err)
	var bad usageError
	if errors.As(err, &bad) {
		return usageError{text}
	}
	return errors.New(text)
}

// log makes the log of a post office on standard error.
func (o *postOfficeFlags) log(std streams) (*logs.Logger, error) {
	format := o.logFormat
	if file := fileOf(std.err); !o.all.Changed("log-format") && file != nil && logs.InJournal(file) {
		format = logs.Journal
	}
	level, err := logs.ParseLevel(o.logLevel)
	if err != nil {
		return nil, err
	}
	return logs.New(std.err, logs.Options{Format: format, Level: level, Burst: o.logLimit})
}

// fileOf is the file behind a writer of a command, or nil.
func fileOf(w io.Writer) *os.File {
	if o, ok := w.(*output); ok {
		w = o.to
	}
	file, _ := w.(*os.File)
	return file
}
