// Command adapter takes the steps of the conformance scenarios with the Go packages:
//
//	adapter SCENARIOS.json [NAME]
//	adapter --cluster IN OUT NAME COUNT PEERS
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const patience = time.Minute

// lacks is what scenarios may need and Go does not have.
var lacks []string

// line is what is printed about a scenario.
type line struct {
	Runtime  string `json:"runtime"`
	Scenario string `json:"scenario"`
	OK       bool   `json:"ok"`
	Why      string `json:"why"`
	Lacks    string `json:"lacks,omitempty"`
}

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 6 && args[0] == "--cluster":
		var count int
		if count, err = strconv.Atoi(args[4]); err == nil {
			err = joinCluster(args[1], args[2], args[3], count, strings.Split(args[5], ","))
		}
	case len(args) == 1 || len(args) == 2:
		err = runScenarios(args)
	default:
		err = errors.New("usage: adapter SCENARIOS.json [NAME]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func report(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	fmt.Println(string(text))
}

// runScenarios runs the scenarios of the file args[0], or only the one called args[1].
func runScenarios(args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var document struct {
		Beginnings map[string][]*step
		Scenarios  []struct {
			Name, Begin string
			Needs       []string
			Steps       []*step
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	failed := 0
	for _, s := range document.Scenarios {
		if len(args) > 1 && args[1] != s.Name {
			continue
		}
		l := line{Runtime: "go", Scenario: s.Name, OK: true}
		if i := slices.IndexFunc(s.Needs, func(n string) bool { return slices.Contains(lacks, n) }); i >= 0 {
			l.Lacks = s.Needs[i]
		} else if err := runScenario(document.Beginnings[s.Begin], s.Steps); err != nil {
			l.OK, l.Why = false, err.Error()
			failed++
		}
		report(l)
	}
	if failed > 0 {
		return fmt.Errorf("%d scenarios failed", failed)
	}
	return nil
}

func runScenario(beginning, steps []*step) error {
	r := newRun()
	defer r.close()
	if err := r.take(beginning, 0); err != nil {
		return err
	}
	return r.take(steps, 0)
}
