package core

// Option describes one setting of a Component, as docs/configuration.md lists it.
type Option struct {
	Key     string
	Default string
	Live    bool // may be set at any time, not only before the start
	Usage   string
}

// Options implements Component.
func (c *component) Options() []Option {
	out := make([]Option, len(c.options))
	for i, o := range c.options {
		out[i] = Option(o.Info)
	}
	return out
}

// Set implements Component.
func (c *component) Set(key, value string) error {
	o, ok := c.options.Find(key)
	if !ok {
		return errorf(EOPTION, "%s: no option %q; the options are %s", c.who(), key, c.options.Keys())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !o.Live && c.state != stateNew && c.state != stateStopped {
		return errorf(ESTATE, "option %q of %s can be set only while it is not running", key, c.who())
	}
	if err := o.Variable.Set(value); err != nil {
		return errorf(EOPTION, "option %q of %s cannot be %q: %w", key, c.who(), value, err)
	}
	return nil
}
