package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

func TestTheErrorsAreThoseOfTheHeader(t *testing.T) {
	header, err := os.ReadFile("../../include/hermes.h")
	require.NoError(t, err)
	var want, got []errorCode
	for _, m := range regexp.MustCompile(`(?m)^#define (HERMES_E\w+) +\((-\d+)\) +/\* (.*) \*/$`).FindAllStringSubmatch(string(header), -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		want = append(want, errorCode{Name: m[1], Code: core.Code(n), Meaning: m[3]})
	}
	for _, e := range errorCodes {
		require.NotEmpty(t, e.Advice, e.Name)
		e.Advice = ""
		got = append(got, e)
	}
	require.Equal(t, want, got)
}

func TestErrorsAreExplained(t *testing.T) {
	for _, arg := range []string{"HERMES_EACCES", "EACCES", "eacces", "-19", "19"} {
		code, out, said := try(t, "", "errors", arg)
		require.Equal(t, exitOK, code, said)
		var e errorCode
		require.NoError(t, json.Unmarshal([]byte(out), &e))
		require.Equal(t, core.EACCES, e.Code, arg)
		require.Contains(t, e.Advice, "curve.clients")
	}
	code, out, _ := try(t, "", "errors")
	require.Equal(t, exitOK, code)
	require.Equal(t, len(errorCodes), strings.Count(out, "\n"))
	for _, args := range [][]string{{"EFLY"}, {"-99"}, {"0"}} {
		code, _, said := try(t, "", append([]string{"errors"}, args...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, said, "there is no error")
	}
}
