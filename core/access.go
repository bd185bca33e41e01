package core

import (
	"path/filepath"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/option"
)

// The policy of a component: the option "policy" names its file, which is read when the component
// starts, and again when it changes.

// accessOptions are the options of access control.
type accessOptions struct{ policy, audit *option.Path }

func (x *accessOptions) add(o *option.Set) {
	x.policy = o.Path("policy", live, "policy file: which peers may connect, and what each may publish and receive; it is read again when it changes, and when this option is set to the same path while the component runs; empty: everyone, everything (engine zmtp only)")
	x.audit = o.Path("audit.file", beforeStart, "file to which access control appends a JSON line for every peer that connects, is refused, or has no right to what it publishes or subscribes to; only with a policy")
}

// openAccess reads the policy, if there is one. Start calls it.
func (c *component) openAccess() error {
	if c.network.access.policy == nil || c.network.access.policy.String() == "" {
		return nil
	}
	control, err := access.Open(access.Config{
		Who: c.who(), Path: c.network.access.policy.String(), Audit: c.network.access.audit.String(), Emit: c.events.Add,
	})
	if err != nil {
		return errorf(EOPTION, "%s: option policy: %w", c.who(), err)
	}
	c.access.Store(control)
	return nil
}

// closeAccess undoes openAccess. What was counted stays.
func (c *component) closeAccess() {
	if control := c.access.Swap(nil); control != nil {
		control.Close()
		messages, subscriptions := control.Denied()
		c.deniedBefore.messages.Add(messages)
		c.deniedBefore.subscriptions.Add(subscriptions)
	}
}

// reloadPolicy is Set for the option "policy" of a component that runs; done is false if it does
// not.
func (c *component) reloadPolicy(path string) (done bool, err error) {
	c.mu.Lock()
	running := c.state == stateRunning || c.state == stateStopping
	c.mu.Unlock()
	control := c.access.Load()
	switch full, err := filepath.Abs(path); {
	case !running:
		return false, nil
	case err != nil:
		return true, errorf(EOPTION, "option \"policy\" of %s: %w", c.who(), err)
	case control == nil || full != c.network.access.policy.String():
		return true, errorf(ESTATE, "option \"policy\" of %s can be set to another file only while it is not running; setting it to the same file reads that again", c.who())
	}
	if err := control.Reload(); err != nil {
		return true, &Error{Code: errs.EOPTION, Text: "option \"policy\" of " + c.who() + ": the old rules stay: " + err.Error(), Err: err}
	}
	return true, nil
}

// deniedSoFar is what peers had no right to, over all runs.
func (c *component) deniedSoFar() (messages, subscriptions uint64) {
	messages, subscriptions = c.deniedBefore.messages.Load(), c.deniedBefore.subscriptions.Load()
	if control := c.access.Load(); control != nil {
		m, s := control.Denied()
		return messages + m, subscriptions + s
	}
	return messages, subscriptions
}
