package zmtp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

func TestWhatTLSSaysBehindTheHandshake(t *testing.T) {
	type record struct {
		kind    tlsrecord.Kind
		content []byte
	}
	ticket := append([]byte{messageTicket, 0, 0, 5}, "12345"...)
	handshake := func(content ...byte) record { return record{tlsrecord.Handshake, content} }
	alert := func(content ...byte) record { return record{tlsrecord.Alert, content} }
	for name, c := range map[string]struct {
		sent  []record
		says  string // the error; "" if what follows is read
		alert byte   // with which the connection ends
	}{
		"a ticket":                       {[]record{handshake(ticket...)}, "", 0},
		"a ticket in two records":        {[]record{handshake(ticket[:3]...), handshake(ticket[3:]...)}, "", 0},
		"two tickets in a record":        {[]record{handshake(append(ticket, ticket...)...)}, "", 0},
		"a canceled action":              {[]record{alert(levelWarning, alertCanceled)}, "", 0},
		"data in a message":              {[]record{handshake(ticket[:3]...)}, "unexpected message", alertUnexpectedNumber},
		"new keys, and more":             {[]record{handshake(messageUpdate, 0, 0, 1, 0, 9)}, "unexpected message", alertUnexpectedNumber},
		"new keys of an unknown kind":    {[]record{handshake(messageUpdate, 0, 0, 1, 2)}, "illegal parameter", alertIllegal},
		"new keys without a kind":        {[]record{handshake(messageUpdate, 0, 0, 0)}, "error decoding message", alertDecode},
		"a message that is too long":     {[]record{handshake(messageTicket, 1, 0, 0)}, "error decoding message", alertDecode},
		"a message of the handshake":     {[]record{handshake(1, 0, 0, 0)}, "unexpected message", alertUnexpectedNumber},
		"an empty record of a handshake": {[]record{handshake()}, "unexpected message", alertUnexpectedNumber},
		"a change of ciphers":            {[]record{{20, []byte{1}}}, "unexpected message", alertUnexpectedNumber},
		"an alert":                       {[]record{alert(levelFatal, alertDecode)}, "the peer has ended TLS: error decoding message", alertClose},
		"half an alert":                  {[]record{alert(levelFatal)}, "error decoding message", alertDecode},
		"an empty alert":                 {[]record{alert()}, "unexpected message", alertUnexpectedNumber},
		"an alert in a message":          {[]record{handshake(ticket[:3]...), alert(levelWarning, alertCanceled)}, "unexpected message", alertUnexpectedNumber},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := tlsEnds(t)
			sink := &plainSink{}
			r := newTLSReader(client, sink)
			var sent []byte
			for _, one := range append(c.sent, record{tlsrecord.Data, []byte("data")}) {
				sent = server.out.Append(sent, one.kind, one.content...)
			}
			err := preload(r, sent)
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, "data", string(sink.got))
			} else {
				require.ErrorContains(t, err, c.says)
				require.Empty(t, sink.got)
			}

			client.finish()
			require.True(t, client.owes())
			last := client.farewell(nil)
			require.False(t, client.owes())
			kind, content, err := server.in.Open(tlsrecord.Body(last), last)
			require.NoError(t, err)
			require.Equal(t, tlsrecord.Alert, kind)
			require.Equal(t, c.alert, content[1])
		})
	}
}

func TestAClientGivesNoTickets(t *testing.T) {
	client, server := tlsEnds(t)
	sent := client.out.Append(nil, tlsrecord.Handshake, messageTicket, 0, 0, 0)
	require.ErrorContains(t, preload(newTLSReader(server, &plainSink{}), sent), "unexpected message")
}

// demandKeys has one end demand new keys of the other, and go on with its own.
func demandKeys(t *testing.T, from, of *tlsLayer) {
	t.Helper()
	demand := from.out.Append(nil, tlsrecord.Handshake, messageUpdate, 0, 0, 1, updateRequested)
	require.NoError(t, from.out.Update())
	_, err := of.open(tlsrecord.Body(demand), demand)
	require.NoError(t, err)
}

// kinds opens records, and follows to new keys.
func kinds(t *testing.T, in *tlsrecord.Opener, sealed []byte) (all []tlsrecord.Kind) {
	t.Helper()
	for len(sealed) > 0 {
		record, err := tlsrecord.First(sealed)
		require.NoError(t, err)
		sealed = sealed[len(record):]
		kind, content, err := in.Open(tlsrecord.Body(record), record)
		require.NoError(t, err)
		if kind == tlsrecord.Handshake {
			require.Equal(t, []byte{messageUpdate, 0, 0, 1, updateSilent}, content)
			require.NoError(t, in.Update())
		}
		all = append(all, kind)
	}
	return all
}

func TestNewKeysComeOnceInFrontOfTheNextData(t *testing.T) {
	client, server := tlsEnds(t)
	require.False(t, client.owes())
	for range 3 {
		demandKeys(t, server, client)
	}
	require.True(t, client.owes())
	for _, want := range [][]tlsrecord.Kind{{tlsrecord.Handshake, tlsrecord.Data}, {tlsrecord.Data}} {
		arena, plain, err := client.output().encrypt([][]byte{[]byte("data")})
		require.NoError(t, err)
		require.Equal(t, 4, plain)
		require.Equal(t, want, kinds(t, server.in, arena.Buf))
		require.False(t, client.owes())
	}
}

func TestNothingFollowsTheEnd(t *testing.T) {
	client, server := tlsEnds(t)
	demandKeys(t, server, client)
	client.finish()
	arena, _, err := client.output().encrypt(nil)
	require.NoError(t, err)
	require.Equal(t, []tlsrecord.Kind{tlsrecord.Handshake, tlsrecord.Alert}, kinds(t, server.in, arena.Buf))
	demandKeys(t, server, client)
	require.False(t, client.owes())
	arena, _, err = client.output().encrypt(nil)
	require.NoError(t, err)
	require.Nil(t, arena)
}

// FuzzTLSMessages has a peer that has the right keys send records of any kind and content: what it says
// costs a bounded amount of memory and of records, and only data is delivered.
//
// A script is a list of records: a kind, the size of the content, and the content.
func FuzzTLSMessages(f *testing.F) {
	update := []byte{messageUpdate, 0, 0, 1, updateRequested}
	f.Add([]byte{2, 4, 'd', 'a', 't', 'a', 0, 2, levelWarning, alertClose}, true)
	f.Add(append([]byte{1, 5}, append(update, 2, 1, 'x')...), true)
	f.Add([]byte{1, 2, messageUpdate, 0, 1, 3, 0, 1, updateSilent, 2, 1, 'x'}, true)
	f.Add([]byte{1, 6, messageTicket, 0, 0, 2, 1, 2, 2, 0, 2, 1, 'x'}, false)
	f.Add([]byte{1, 4, messageTicket, 0xff, 0, 0}, false)
	f.Fuzz(func(t *testing.T, script []byte, ofServer bool) {
		from, to := agreedEnds(t)
		if !ofServer {
			from, to = to, from
		}
		var begun []byte // of messages of TLS
		for vain := 0; len(script) >= 2; {
			kind := []tlsrecord.Kind{tlsrecord.Alert, tlsrecord.Handshake, tlsrecord.Data, 0, 20}[script[0]%5]
			n := min(int(script[1]), len(script)-2)
			content := script[2 : 2+n]
			script = script[2+n:]
			record := from.out.Append(nil, kind, content...)
			if inner := bytes.TrimRight(content, "\x00"); kind == 0 && len(inner) > 0 { // all behind it is padding
				kind, content = tlsrecord.Kind(inner[len(inner)-1]), inner[:len(inner)-1]
			}
			data, err := to.open(tlsrecord.Body(record), record)
			if err != nil {
				requireFault(t, kind, content, err)
				return
			}
			if vain++; len(data) > 0 {
				vain = 0
			}
			switch {
			case kind == tlsrecord.Data && !bytes.Equal(content, data):
				t.Fatalf("%q was delivered for %q", data, content)
			case kind != tlsrecord.Data && len(data) > 0:
				t.Fatalf("%q of kind %d was delivered", data, kind)
			case vain > maxVain:
				t.Fatal("too many records that advance nothing")
			}
			if kind != tlsrecord.Handshake {
				continue
			}
			var last byte
			if last, begun = lastMessage(append(begun, content...)); last == messageUpdate {
				if err := from.out.Update(); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(begun, to.hand) {
				t.Fatalf("%q is kept of a message that began with %q", to.hand, begun)
			}
		}
	})
}

// lastMessage is the type of the last complete message of TLS in p, 0 for none, and what is behind it.
func lastMessage(p []byte) (last byte, rest []byte) {
	for len(p) >= messageHeader {
		whole := messageHeader + int(p[1])<<16 + int(p[2])<<8 + int(p[3])
		if len(p) < whole {
			break
		}
		last, p = p[0], p[whole:]
	}
	return last, p
}

// requireFault requires that an error names what is wrong with a record.
func requireFault(t *testing.T, kind tlsrecord.Kind, content []byte, err error) {
	t.Helper()
	var wrong tls.AlertError
	var said *net.OpError
	switch {
	case errors.Is(err, io.EOF):
		if kind != tlsrecord.Alert || content[1] != alertClose {
			t.Fatal("the end of the stream was not announced")
		}
	case errors.As(err, &said):
		if kind != tlsrecord.Alert {
			t.Fatalf("no alert is taken for one: %v", err)
		}
	case errors.Is(err, errVain), errors.As(err, &wrong):
	default:
		t.Fatalf("an error without an alert: %v", err)
	}
}
