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
	} {
		t.Run(name, func(t *testing.T) {
			client, server := tlsEnds(t)
			sink := &plainSink{}
			r := newTLSReader(server, sink)
			var sent []byte
			for _, one := range append(c.sent, record{tlsrecord.Data, []byte("data")}) {
				sent = client.out.Append(sent, one.kind, one.content...)
			}
			err := preload(r, sent)
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, "data", string(sink.got))
			} else {
				require.ErrorContains(t, err, c.says)
				require.Empty(t, sink.got)
			}

			server.finish()
			require.True(t, server.owes())
			last, err := server.settle(nil)
			require.NoError(t, err)
			require.False(t, server.owes())
			kind, content, err := client.in.Open(tlsrecord.Body(last), last)
			require.NoError(t, err)
			require.Equal(t, tlsrecord.Alert, kind)
			require.Equal(t, c.alert, content[1])
		})
	}
}
