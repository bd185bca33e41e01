package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// errorCode is a code of hermes.h. A test holds names, numbers and meanings against that file.
type errorCode struct {
	Name    string    `json:"name"`
	Code    core.Code `json:"code"`
	Meaning string    `json:"meaning"`
	Advice  string    `json:"advice"`
}

var errorCodes = []errorCode{
	{"HERMES_EINVAL", core.EINVAL, "an argument is NULL or out of range", "The text of the error names the argument: correct the call."},
	{"HERMES_EBADHANDLE", core.EBADHANDLE, "no such object, closed, or of another kind", "Look for a use behind the close of the object, perhaps in another thread; that is how a loop in one thread learns that another has closed its object."},
	{"HERMES_ESTATE", core.ESTATE, "not started, or started already", "Start the object before it is used, and set options marked \"before the start\" before that (hermes options KIND)."},
	{"HERMES_EADDRESS", core.EADDRESS, "not an address, or one that cannot be served", "Write it as tcp://host:port, tls://host:port or ipc://path; the text says what is wrong with this one."},
	{"HERMES_EADDRINUSE", core.EADDRINUSE, "another socket is bound to the address", "Another program listens there, often an earlier run of the same one: ss -ltnp names it. Stop it, or take another port; * as the port takes a free one."},
	{"HERMES_EOPTION", core.EOPTION, "no such option, or not a value of it", "hermes options publisher, receiver or postoffice lists all options with their values."},
	{"HERMES_EUTF8", core.EUTF8, "text that is not UTF-8", "Topics, names and options are UTF-8: decode the text with the encoding that it has, and encode it as UTF-8."},
	{"HERMES_EJSON", core.EJSON, "data that is not one JSON value", "Encode the data as JSON; a string needs its quotation marks, and bytes have to be encoded as a string, as in base64."},
	{"HERMES_EFULL", core.EFULL, "the queue had no room in time; counted as dropped", "The receivers or the network are slower than the publisher: publish less, raise queue.messages and queue.bytes, or choose with queue.full what is dropped."},
	{"HERMES_ETIMEOUT", core.ETIMEOUT, "nothing happened in time", "That need not be wrong. If it is, the text says what is missing: a connection, a subscription, or a publisher for the topic; hermes sub ADDRESS shows what comes."},
	{"HERMES_ESTOPPED", core.ESTOPPED, "the object has stopped, and nothing is left to take", "A loop ends here. If nothing stopped it on purpose, its last event says why, such as an envelope that was too old (options timeout, on_slow)."},
	{"HERMES_EFORKED", core.EFORKED, "this process was forked after the library's first use", "Fork before the first use of the library, or exec in the child; in Python use the start method spawn or forkserver."},
	{"HERMES_EINTERNAL", core.EINTERNAL, "a fault inside the library; the object has failed", "Report it with the text of the error and the events of the object; close the object, and make a new one."},
	{"HERMES_ENOMEM", core.ENOMEM, "out of memory, or a limit keeps the library from starting", "Look at the limits of the process, ulimit -v and -u and those of its cgroup, and at queue.bytes of its objects."},
	{"HERMES_ERANGE", core.ERANGE, "the caller's buffer is too small", "Call again with a buffer of the length that the call has returned."},
	{"HERMES_ETOOBIG", core.ETOOBIG, "an envelope above the limit \"message.bytes\"", "Send less at once, or raise message.bytes at the publisher, the post office and the receivers."},
	{"HERMES_ENOTSUP", core.ENOTSUP, "not for this kind of object", "Make the call on the part that has it: the publisher or the receiver of a node; some transports need engine=libzmq."},
	{"HERMES_EIO", core.EIO, "the operating system refused; the text says what", "The text has the system's reason: often a limit on open files (ulimit -n), the rights of a file, or a network that is down."},
	{"HERMES_EACCES", core.EACCES, "refused by the peer: the key is not known, or has no rights", "At the peer, add the public key to curve.clients or to the policy (hermes policy test FILE USER pub|sub TOPIC); here, check that curve.secret is the right key."},
	{"HERMES_EAUTH", core.EAUTH, "the peer has not proved that it is the one expected", "Check curve.server, or tls.ca and tls.name: the key or certificate of the server has been replaced, or another program answers at the address."},
}

// newErrorsCommand explains the codes of errors.
func newErrorsCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "errors [flags] [CODE...]",
		Short: "explain error codes, and what to do about them",
		Long:  "Explains codes of errors, given by name or number, as in EACCES, HERMES_EACCES or -19; without one, lists all.",
		Example: `hermes errors HERMES_EACCES
hermes errors -12 EFULL`,
		GroupID: groupSetUp,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, e := range errorCodes {
				names = append(names, cobra.CompletionWithDesc(e.Name, e.Meaning))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	p := addPrinter(c, std)
	c.RunE = func(_ *cobra.Command, args []string) error {
		found := errorCodes
		if len(args) > 0 {
			found = nil
		}
		for _, arg := range args {
			e, err := errorCodeOf(arg)
			if err != nil {
				return err
			}
			found = append(found, e)
		}
		if p.asTable() && len(args) > 0 {
			for _, e := range found {
				if err := p.text(fmt.Sprintf("%s (%d): %s\n  %s\n", e.Name, e.Code, e.Meaning, e.Advice)); err != nil {
					return err
				}
			}
			return nil
		}
		all := table{columns: []string{"NAME", "CODE", "MEANING"}}
		for _, e := range found {
			all.rows = append(all.rows, row{cells: []string{e.Name, strconv.Itoa(int(e.Code)), e.Meaning}, value: e})
		}
		return p.print(all)
	}
	return c
}

// errorCodeOf finds a code by its name or its number; without the sign too, because a dash begins
// a flag.
func errorCodeOf(text string) (errorCode, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(text, "-"))
	name := "HERMES_" + strings.TrimPrefix(strings.ToUpper(text), "HERMES_")
	for _, e := range errorCodes {
		if err == nil && int(e.Code) == -number || e.Name == name {
			return e, nil
		}
	}
	return errorCode{}, usageError{fmt.Sprintf("there is no error %q; hermes errors lists all", text)}
}
