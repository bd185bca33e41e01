package zmtp

import (
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
