package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/supervisor"
)

// reloadOnHangup has the post office read its configuration and its policy again on each SIGHUP, until
// end. With neither, SIGHUP ends the program, as usual, unless a supervisor runs it.
func (s *service) reloadOnHangup() (end func()) {
	if s.policyPath() == "" && s.config.File() == "" && !supervisor.Wanted() {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	notifyReload(hangups)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			s.reload()
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}

func (s *service) policyPath() string {
	path, err := s.office.Get("policy")
	if err != nil {
		return ""
	}
	return path
}

// reload reads everything again. A configuration that is wrong changes nothing at all: it is tried as a
// whole before anything takes effect. A policy that is wrong is an event of the post office, and the old rules stay.
func (s *service) reload() {
	supervisor.Reloading()
	told, err := s.reloadConfig()
	if err != nil {
		told = "the configuration stays as it was: " + err.Error()
		s.log.Error(told, "kind", "config_invalid")
	} else {
		s.log.Info(told, "kind", "config_reloaded")
		if path := s.policyPath(); path != "" {
			_ = s.office.Set("policy", path)
		}
	}
	supervisor.Ready(told)
}

// reloadConfig gives what it has changed, for people.
func (s *service) reloadConfig() (told string, err error) {
	again := addPostOffice(pflag.NewFlagSet("postoffice", pflag.ContinueOnError))
	later, err := s.config.Reload(again.all)
	if err != nil {
		return "", err
	}
	if err := again.checkValues(later); err != nil {
		return "", err
	}
	if err := again.try(later); err != nil {
		return "", err
	}
	// Those of the files in use, which may have another content by now.
	read, publish, err := s.flags.http.tokens()
	if err != nil {
		return "", err
	}
	var now, restart []config.Change
	for _, change := range s.config.Changes(later) {
		if change.New.Live {
			now = append(now, change)
		} else {
			restart = append(restart, change)
		}
	}
	if err := s.applyAll(now); err != nil {
		return "", err
	}
	s.config = s.config.With(now)
	s.web.replaceTokens(read, publish)
	where := s.config.File()
	if where == "" {
		where = "the environment"
	}
	told = where + " was read again; " + names("changed", now)
	if len(restart) > 0 {
		told += "; " + names("after a restart only", restart)
	}
	return told, nil
}

// names are the keys of changes, behind what is true of them.
func names(what string, changes []config.Change) string {
	if len(changes) == 0 {
		return "nothing " + what
	}
	keys := make([]string, len(changes))
	for i, change := range changes {
		keys[i] = change.New.Key
	}
	return what + ": " + strings.Join(keys, ", ")
}

// applyAll makes changes take effect. If one cannot, those before it are taken back.
func (s *service) applyAll(changes []config.Change) error {
	for i, change := range changes {
		err := s.apply(change.New)
		if err == nil {
			continue
		}
		for _, done := range changes[:i] {
			if back := s.apply(done.Old); back != nil {
				return fmt.Errorf("%s: %w; and %s, which was changed before, cannot be changed back: %w", change.New.From, err, done.Old.Key, back)
			}
		}
		return fmt.Errorf("%s: %w", change.New.From, err)
	}
	return nil
}

func (s *service) apply(to config.Setting) error {
	if option, is := strings.CutPrefix(to.Key, "set."); is {
		return s.office.Set(option, to.Value)
	}
	if set, is := s.live[to.Key]; is {
		return set(to.Value)
	}
	return fmt.Errorf("%s cannot be changed without a restart", to.Key)
}

// setLive declares what else can be changed, and sets it for the first time.
func (s *service) setLive() {
	s.live = map[string]func(string) error{
		"log-level": func(value string) error {
			level, err := logs.ParseLevel(value)
			if err == nil {
				s.log.SetLevel(level)
			}
			return err
		},
		"log-limit": func(value string) error {
			n, err := strconv.Atoi(value)
			if err == nil {
				s.log.SetBurst(n)
			}
			return err
		},
		"stats": func(value string) error {
			every, err := time.ParseDuration(value)
			if err == nil {
				s.setEvery(every)
			}
			return err
		},
	}
	s.setEvery(s.flags.every)
}
