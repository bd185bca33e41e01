package tlsrecord

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The client's secret, its keys and its first record of data in RFC 8448, section 3.
const (
	rfcSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
	rfcIV     = "5b78923dee08579033e523d9"
	rfcRecord = "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	p, err := hex.DecodeString(text)
	require.NoError(t, err)
	return p
}

func rfcContent() (content []byte) {
	for n := range 50 {
		content = append(content, byte(n))
	}
	return content
}

func TestTheRecordOfTheRFC(t *testing.T) {
	k, err := newKeys(tls.TLS_AES_128_GCM_SHA256, unhex(t, rfcSecret))
	require.NoError(t, err)
	require.Equal(t, unhex(t, rfcIV), k.iv[:])
	s := &Sealer{k}
	require.Equal(t, rfcRecord, hex.EncodeToString(s.Append(nil, Data, rfcContent()...)))

	k, err = newKeys(tls.TLS_AES_128_GCM_SHA256, unhex(t, rfcSecret))
	require.NoError(t, err)
	kind, content, err := (&Opener{k}).Open(make([]byte, 100), unhex(t, rfcRecord))
	require.NoError(t, err)
	require.Equal(t, Data, kind)
	require.Equal(t, rfcContent(), content)
}

// suites are those of TLS 1.3 that crypto/tls has, and the sizes of their secrets.
var suites = map[uint16]int{
	tls.TLS_AES_128_GCM_SHA256:       32,
	tls.TLS_AES_256_GCM_SHA384:       48,
	tls.TLS_CHACHA20_POLY1305_SHA256: 32,
}

// ends are both ends of one direction.
func ends(t testing.TB, suite uint16) (*Sealer, *Opener) {
	t.Helper()
	line := fmt.Sprintf("_TRAFFIC_SECRET_0 00 %x\n", bytes.Repeat([]byte{7}, suites[suite]))
	var near, far Secrets
	for _, s := range []*Secrets{&near, &far} {
		for _, who := range []string{"CLIENT", "SERVER"} {
			_, err := s.Write([]byte(who + line))
			require.NoError(t, err)
		}
	}
	_, out, err := near.Take(suite, false)
	require.NoError(t, err)
	in, _, err := far.Take(suite, true)
	require.NoError(t, err)
	return out, in
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	for suite := range suites {
		out, in := ends(t, suite)
		for round, size := range []int{0, 1, 75, MaxContent - 1, MaxContent} {
			content := bytes.Repeat([]byte{byte(round)}, size)
			record := out.Append([]byte("before"), Data, content...)[len("before"):]
			require.Len(t, record, size+Overhead)
			whole, err := First(append(record, 1))
			require.NoError(t, err)
			require.Equal(t, record, whole)

			dst := make([]byte, Room(record))
			if round%2 == 0 { // in place
				dst = Body(record)
			}
			kind, got, err := in.Open(dst, record)
			require.NoError(t, err)
			require.Equal(t, Data, kind)
			require.True(t, bytes.Equal(content, got))
			if round%2 == 1 {
				require.NoError(t, out.Update())
				require.NoError(t, in.Update())
			}
		}
	}
}

func TestRecordsThatAreNotTheNextFail(t *testing.T) {
	for name, change := range map[string]func(one, two []byte) []byte{
		"twice":     func(one, _ []byte) []byte { return one },
		"tag":       func(_, two []byte) []byte { two[len(two)-1] ^= 1; return two },
		"header":    func(_, two []byte) []byte { two[1] ^= 1; return two },
		"cut":       func(_, two []byte) []byte { return two[:len(two)-1] },
		"too short": func(_, two []byte) []byte { return two[:HeaderSize+tagSize] },
		"no body":   func(_, two []byte) []byte { return two[:HeaderSize] },
	} {
		out, in := ends(t, tls.TLS_AES_128_GCM_SHA256)
		one, two := out.Append(nil, Data, 1, 2, 3), out.Append(nil, Data, 4, 5, 6)
		_, _, err := in.Open(make([]byte, 100), one)
		require.NoError(t, err)
		_, _, err = in.Open(make([]byte, 100), change(one, two))
		require.Equal(t, badRecord, err, name)
	}
}

func TestPaddingIsNoContent(t *testing.T) {
	out, in := ends(t, tls.TLS_AES_128_GCM_SHA256)
	pad := func(n int, inner ...byte) []byte { // the last byte stands where the kind does
		return out.Append(nil, 0, append(inner, make([]byte, n)...)...)
	}
	kind, content, err := in.Open(make([]byte, 1000), pad(500, 1, 2, 0, byte(Alert)))
	require.NoError(t, err)
	require.Equal(t, Alert, kind)
	require.Equal(t, []byte{1, 2, 0}, content)

	_, _, err = in.Open(make([]byte, 1000), pad(10))
	require.Equal(t, unexpectedMessage, err, "nothing but padding")
}

func TestRecordsAreNoLongerThanAllowed(t *testing.T) {
	out, in := ends(t, tls.TLS_AES_128_GCM_SHA256)
	long := out.Append(nil, Data, make([]byte, MaxContent+1)...)
	record, err := First(long)
	require.NoError(t, err)
	_, _, err = in.Open(make([]byte, 1<<16), record)
	require.Equal(t, recordOverflow, err)

	padded := out.Append(nil, 0, append([]byte{1, byte(Data)}, make([]byte, MaxContent)...)...)
	_, _, err = in.Open(make([]byte, 1<<16), padded)
	require.Equal(t, recordOverflow, err, "padding counts")

	_, err = First([]byte{byte(Data), 3, 3, 0x41, 0x01})
	require.Equal(t, recordOverflow, err)
	_, err = First([]byte{byte(Handshake)})
	require.Equal(t, unexpectedMessage, err, "a record that is not encrypted")
	for n := range HeaderSize {
		record, err = First([]byte{byte(Data), 3, 3, 0, 1}[:n])
		require.NoError(t, err)
		require.Nil(t, record)
	}
}

func TestKeysAreChangedBeforeTheyHaveEncryptedTooMuch(t *testing.T) {
	out, in := ends(t, tls.TLS_AES_128_GCM_SHA256)
	require.False(t, out.Due())
	out.number, in.number = maxRecords, maxRecords
	require.True(t, out.Due())
	require.NoError(t, out.Update())
	require.NoError(t, in.Update())
	require.False(t, out.Due())
	_, content, err := in.Open(make([]byte, 100), out.Append(nil, Data, 1))
	require.NoError(t, err)
	require.Equal(t, []byte{1}, content)
}

func TestSecretsAreThoseOfTheSuite(t *testing.T) {
	var s Secrets
	_, _, err := s.Take(tls.TLS_AES_128_GCM_SHA256, true)
	require.Equal(t, errNoSecrets, err)
	_, err = s.Write([]byte("CLIENT_TRAFFIC_SECRET_0 00 zz\n"))
	require.Error(t, err)
	for _, line := range []string{"", "SERVER_TRAFFIC_SECRET_0 00\n", "EXPORTER_SECRET 00 00\n", "CLIENT_TRAFFIC_SECRET_0 00 00\n", "SERVER_TRAFFIC_SECRET_0 00 00\n"} {
		n, err := s.Write([]byte(line))
		require.NoError(t, err)
		require.Equal(t, len(line), n)
	}
	_, _, err = s.Take(tls.TLS_AES_128_GCM_SHA256, true)
	require.ErrorContains(t, err, "no traffic secret")
	_, err = newKeys(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, nil)
	require.ErrorContains(t, err, "0xc02f")
}

func TestNothingIsLeftOfASecret(t *testing.T) {
	out, _ := ends(t, tls.TLS_AES_128_GCM_SHA256)
	old := out.secret
	require.NoError(t, out.Update())
	require.Equal(t, make([]byte, 32), old)
	now := out.secret
	out.Wipe()
	require.Equal(t, make([]byte, 32), now)
}

func TestSecretsThatAreNotTakenAreWiped(t *testing.T) {
	tell := func(s *Secrets, who string, size int) []byte {
		_, err := fmt.Fprintf(s, "%s_TRAFFIC_SECRET_0 00 %x\n", who, bytes.Repeat([]byte{7}, size))
		require.NoError(t, err)
		if who == "CLIENT" {
			return s.client
		}
		return s.server
	}
	var s Secrets
	first := tell(&s, "CLIENT", 32)
	client, server := tell(&s, "CLIENT", 32), tell(&s, "SERVER", 32)
	require.Equal(t, make([]byte, 32), first, "it was told again")
	s.Wipe()
	require.Equal(t, make([]byte, 64), append(client, server...))
	_, _, err := s.Take(tls.TLS_AES_128_GCM_SHA256, true)
	require.Equal(t, errNoSecrets, err)

	for name, sizes := range map[string][2]int{"of the peer": {1, 32}, "of this end": {32, 1}, "one alone": {0, 32}} {
		s, client = Secrets{}, nil
		if sizes[0] > 0 {
			client = tell(&s, "CLIENT", sizes[0])
		}
		server = tell(&s, "SERVER", sizes[1])
		_, _, err = s.Take(tls.TLS_AES_128_GCM_SHA256, true)
		require.Error(t, err, name)
		require.Equal(t, make([]byte, sizes[0]+sizes[1]), append(client, server...), name)
	}
}

func TestRecordsAllocateNothing(t *testing.T) {
	out, in := ends(t, tls.TLS_AES_128_GCM_SHA256)
	buf := make([]byte, 0, 1<<16)
	content := make([]byte, HeaderSize+1000)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		record := out.Seal(append(buf, content...), 0, Data)
		if _, _, err := in.Open(Body(record), record); err != nil {
			panic(err)
		}
	}))
}
