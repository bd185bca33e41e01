package core

import (
	"reflect"
	"sync"
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
type slots struct {
	v      reflect.Value
	layout *layout
}

// layout is what is known of a type of struct: which of its fields are slots.
type layout struct {
	isMessage bool
	slots     []slot
}

// slot is a field, and how it is encoded.
type slot struct {
	field  int
	direct bool // by wire.AppendPlain and wire.LoadPlain; all others by wire.Marshal
}

var (
	messageType = reflect.TypeFor[Message]()
	layouts     sync.Map // *layout by reflect.Type; never removed, as types are not
)

func layoutOf(t reflect.Type) *layout {
	if known, ok := layouts.Load(t); ok {
		return known.(*layout)
	}
	l := new(layout)
	if t.NumField() > 0 {
		first := t.Field(0)
		l.isMessage = first.Anonymous && first.Type == messageType
	}
	for i := 1; l.isMessage && i < t.NumField(); i++ {
		if f := t.Field(i); f.IsExported() {
			l.slots = append(l.slots, slot{i, wire.IsPlain(f.Type)})
		}
	}
	layouts.Store(t, l)
	return l
}

// slotsOf recognises a struct that embeds Message first, or a pointer to one.
func slotsOf(v any) (slots, bool) {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	if r.Kind() != reflect.Struct {
		return slots{}, false
	}
	l := layoutOf(r.Type())
	return slots{r, l}, l.isMessage
}

func (s slots) message() *Message { return s.v.Field(0).Addr().Interface().(*Message) }

// append encodes the array.
func (s slots) append(dst []byte) ([]byte, error) {
	m := s.v.Field(0)
	dst, err := wire.AppendPlain(append(dst, '['), m.Field(0))
	if err == nil {
		dst, err = wire.AppendPlain(append(dst, ','), m.Field(1))
	}
	for i := 0; err == nil && i < len(s.layout.slots); i++ {
		f := s.v.Field(s.layout.slots[i].field)
		if dst = append(dst, ','); s.layout.slots[i].direct {
			dst, err = wire.AppendPlain(dst, f)
		} else {
			dst, err = wire.AppendMarshal(dst, f.Interface())
		}
	}
	return append(dst, ']'), err
}

// load sets the slots from an array. As in Python, an array that is too short
// leaves the rest as it was, and what is too much is ignored.
func (s slots) load(data []byte) error {
	if !s.v.CanAddr() {
		return errorf(EINVAL, "a message is decoded into a pointer to %s", s.v.Type())
	}
	var room [16][]byte
	values, err := wire.Elements(data, room[:0])
	if err != nil {
		return errorf(EJSON, "not the array of a message: %w", err)
	}
	m := s.v.Field(0)
	for i, value := range values[:min(len(values), 2+len(s.layout.slots))] {
		if i < 2 {
			err = wire.LoadPlain(m.Field(i), value)
		} else if at := s.layout.slots[i-2]; at.direct {
			err = wire.LoadPlain(s.v.Field(at.field), value)
		} else {
			err = wire.Unmarshal(value, s.v.Field(at.field).Addr().Interface())
		}
		if err != nil {
			return errorf(EJSON, "slot %d of %s: %w", i, s.v.Type(), err)
		}
	}
	return nil
}

// appendData encodes a Go value as the data of an envelope.
func appendData(dst []byte, v any) ([]byte, error) {
	var err error
	if s, ok := slotsOf(v); ok {
		dst, err = s.append(dst)
	} else {
		dst, err = wire.AppendMarshal(dst, v)
	}
	if err != nil {
		return nil, errorf(EJSON, "cannot encode %T as JSON: %w", v, err)
	}
	return dst, nil
}

// loadData decodes the data of an envelope of that topic into a Go value.
func loadData[T string | []byte](topic T, data []byte, v any) error {
	if s, ok := slotsOf(v); ok {
		return s.load(data)
	}
	if err := wire.Unmarshal(data, v); err != nil {
		return errorf(EJSON, "cannot decode the data of topic %q: %w", topic, err)
	}
	return nil
}
