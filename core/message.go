package core

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Message is embedded, first, in a struct that travels as a message does in
// Python: an array of the message's type name, its time, and then the exported
// fields of the struct in their order.
//
//	type Tick struct {
//		core.Message
//		Pair  string
//		Price float64
//	}
//
//	publisher.PublishValue("ticks/"+pair, core.Stamp(&Tick{Pair: pair, Price: 6543.21}))
//
// is received in Python as ["Tick", 1517670000.5, "BTCUSD", 6543.21], or as an
// instance of a class Tick that is registered there.
type Message struct {
	DType string  // the name of the type
	TS    float64 // when the data was taken, in seconds since the Unix epoch
}

// Stamp fills in the type's name and the present time of a struct that embeds
// Message, where they are not set yet, and returns it.
func Stamp[T any](v *T) *T {
	if s, ok := slotsOf(v); ok {
		m := s.message()
		if m.DType == "" {
			m.DType = reflect.TypeFor[T]().Name()
		}
		if m.TS == 0 {
			m.TS = clock.Seconds(time.Now())
		}
	}
	return v
}

// slots is a struct that embeds Message, seen as the array it travels as.
type slots struct{ v reflect.Value }

var messageType = reflect.TypeFor[Message]()

// slotsOf recognises a struct that embeds Message first, or a pointer to one.
func slotsOf(v any) (slots, bool) {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	if r.Kind() != reflect.Struct || r.NumField() == 0 {
		return slots{}, false
	}
	first := r.Type().Field(0)
	return slots{r}, first.Anonymous && first.Type == messageType
}

func (s slots) message() *Message { return s.v.Field(0).Addr().Interface().(*Message) }

// fields lists the values behind the type name and the time.
func (s slots) fields() (out []reflect.Value) {
	for i := 1; i < s.v.NumField(); i++ {
		if s.v.Type().Field(i).IsExported() {
			out = append(out, s.v.Field(i))
		}
	}
	return out
}

func (s slots) list() []any {
	m := s.v.Field(0).Interface().(Message)
	out := []any{m.DType, m.TS}
	for _, f := range s.fields() {
		out = append(out, f.Interface())
	}
	return out
}

// load sets the slots from an array. As in Python, an array that is too short
// leaves the rest as it was, and what is too much is ignored.
func (s slots) load(data []byte) error {
	if !s.v.CanAddr() {
		return errorf(EINVAL, "a message is decoded into a pointer to %s", s.v.Type())
	}
	var values []json.RawMessage
	if err := wire.Unmarshal(data, &values); err != nil {
		return errorf(EJSON, "not the array of a message: %w", err)
	}
	m := s.message()
	targets := []any{&m.DType, &m.TS}
	for _, f := range s.fields() {
		targets = append(targets, f.Addr().Interface())
	}
	for i := range min(len(values), len(targets)) {
		if values[i] == nil { // json-iterator reads null as nothing at all
			values[i] = json.RawMessage("null")
		}
		if err := wire.Unmarshal(values[i], targets[i]); err != nil {
			return errorf(EJSON, "slot %d of %s: %w", i, s.v.Type(), err)
		}
	}
	return nil
}

// marshalData encodes a Go value as the data of an envelope.
func marshalData(v any) ([]byte, error) {
	if s, ok := slotsOf(v); ok {
		v = s.list()
	}
	data, err := wire.Marshal(v)
	if err != nil {
		return nil, errorf(EJSON, "cannot encode %T as JSON: %w", v, err)
	}
	return data, nil
}
