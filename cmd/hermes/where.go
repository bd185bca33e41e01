package main

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/hermes-zmq/hermes/core"
)

// whereHelp explains --where.
const whereHelp = `An expression of --where has the variables topic, origin, data, ts and lost, and the language of expr
(https://expr-lang.org): data.price > 1.08 and origin startsWith "desk". What is missing in data is nil, as are
NaN and the infinities. Where an expression cannot be computed, as of nil > 1, the envelope is left out; how many
were is said at the end.`

// where is an expression that an envelope meets or not. It is for one goroutine.
type where struct {
	program *vm.Program
	failed  uint64 // how often it could not be computed
	first   error  // why, the first time
}

// whereVariables are what an expression may name, with the types that they have.
var whereVariables = types.Map{"topic": types.String, "origin": types.String, "data": types.Any, "ts": types.Float64, "lost": types.Int}

// parseWhere compiles an expression.
func parseWhere(text string) (*where, error) {
	program, err := expr.Compile(text, expr.Env(whereVariables), expr.AsBool())
	if err != nil {
		return nil, usageError{"--where: " + strings.TrimSpace(err.Error())}
	}
	return &where{program: program}, nil
}

// holds tells whether an envelope meets the expression.
func (w *where) holds(v *core.View) bool {
	variables, err := variablesOf(v)
	if err == nil {
		var met any
		if met, err = expr.Run(w.program, variables); err == nil {
			return met.(bool)
		}
	}
	if w.failed++; w.first == nil {
		w.first = err
	}
	return false
}

// notice says how often the expression could not be computed; "" if it always could.
func (w *where) notice() string {
	if w.failed == 0 {
		return ""
	}
	why, _, _ := strings.Cut(w.first.Error(), "\n")
	return fmt.Sprintf("--where could not be computed for %s, which were left out: %s", envelopes(w.failed), why)
}

// variablesOf are the variables of an envelope, for expressions and templates.
func variablesOf(v *core.View) (map[string]any, error) {
	data, err := decoded(v.Data)
	return map[string]any{"topic": string(v.Topic), "origin": string(v.Origin), "data": data, "ts": v.TS, "lost": int(v.Lost)}, err
}
