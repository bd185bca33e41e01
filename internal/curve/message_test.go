package curve

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/secretbox"
)

// ends are the two ends of one direction.
func ends(t testing.TB) (*Sealer, *Opener, sharedKey) {
	t.Helper()
	var session sharedKey
	for i := range session {
		session[i] = byte(i)
	}
	s, o := newSealer(messageOfClient, &session, 3), newOpener(messageOfClient, &session, 2)
	return &s, &o, session
}

// split takes the first frame off p, and gives its body.
func split(t testing.TB, p []byte) (body, rest []byte) {
	t.Helper()
	require.GreaterOrEqual(t, len(p), shortHeader)
	head, size := shortHeader, int(p[1])
	if p[0] == flagLong {
		head, size = longHeader, 0
		for _, b := range p[1:longHeader] {
			size = size<<8 | int(b)
		}
	}
	return p[head : head+size], p[head+size:]
}

func TestFramesOfAllSizesSurviveEncryption(t *testing.T) {
	s, o, _ := ends(t)
	for size := range 700 {
		body := bytes.Repeat([]byte{byte(size)}, size)
		for _, flags := range []byte{0, flagMore, flagCommand} {
			sealed, rest := split(t, s.Append(nil, flags, body))
			require.Empty(t, rest)
			got, plain, err := o.Open(sealed)
			require.NoError(t, err)
			require.Equal(t, flags, got)
			require.True(t, bytes.Equal(body, plain))
		}
	}
}

func TestMessagesAreBoxesOfNaCl(t *testing.T) {
	s, o, session := ends(t)
	for _, size := range []int{0, 30, 31, 32, 63, 64, 300} {
		body := bytes.Repeat([]byte{'x'}, size)
		number := s.number
		sealed, _ := split(t, s.Append(nil, flagMore, body))
		n := shortNonce(messageOfClient, number)
		plain, ok := secretbox.Open(nil, sealed[16:], &n, &session)
		require.True(t, ok)
		require.Equal(t, append([]byte{innerMore}, body...), plain)

		box := append([]byte(messageName), n[16:]...)
		_, got, err := o.Open(secretbox.Seal(box, append([]byte{0}, body...), &n, &session))
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got))
	}
}

func TestChangedMessagesAreRefused(t *testing.T) {
	s, _, session := ends(t)
	for _, size := range []int{0, 20, 100} {
		sealed, _ := split(t, s.Append(nil, 0, make([]byte, size)))
		for bit := range 8 * len(sealed) {
			changed := bytes.Clone(sealed)
			changed[bit/8] ^= 1 << (bit % 8)
			o := newOpener(messageOfClient, &session, s.number-2)
			_, _, err := o.Open(changed)
			require.Error(t, err, "bit %d", bit)
		}
		for n := range sealed {
			o := newOpener(messageOfClient, &session, s.number-2)
			_, _, err := o.Open(bytes.Clone(sealed[:n]))
			require.Error(t, err, "cut to %d bytes", n)
		}
	}
}

func TestReplayedAndReorderedMessagesAreRefused(t *testing.T) {
	s, o, _ := ends(t)
	first, _ := split(t, s.Append(nil, 0, []byte("first")))
	second, _ := split(t, s.Append(nil, 0, []byte("second")))
	_, _, err := o.Open(bytes.Clone(second))
	require.ErrorIs(t, err, errOrder)
	for _, sealed := range [][]byte{first, second} {
		_, _, err = o.Open(bytes.Clone(sealed))
		require.NoError(t, err)
	}
	for _, sealed := range [][]byte{first, second} {
		_, _, err = o.Open(bytes.Clone(sealed))
		require.ErrorIs(t, err, errOrder)
	}
}

func TestMessagesBehindAMissingOneAreRefused(t *testing.T) {
	s, o, _ := ends(t)
	s.Append(nil, 0, []byte("deleted on its way"))
	next, _ := split(t, s.Append(nil, 0, []byte("next")))
	_, _, err := o.Open(next)
	require.ErrorIs(t, err, errOrder)
}

func TestTwoMultipartMessagesCannotBeMadeOne(t *testing.T) {
	s, o, _ := ends(t)
	var sealed [][]byte
	for _, part := range []string{"topic 1", "from 1", "data 1", "topic 2", "from 2", "data 2"} {
		flags := byte(flagMore)
		if part[:4] == "data" {
			flags = 0
		}
		frame, _ := split(t, s.Append(nil, flags, []byte(part)))
		sealed = append(sealed, frame)
	}
	_, _, err := o.Open(sealed[0])
	require.NoError(t, err)
	_, _, err = o.Open(sealed[5]) // the topic of one, the data of the other
	require.ErrorIs(t, err, errOrder)
}

func TestOwnMessagesAreNotTheirs(t *testing.T) {
	var session sharedKey
	s, o := newSealer(messageOfClient, &session, 1), newOpener(messageOfServer, &session, 0)
	reflected, _ := split(t, s.Append(nil, 0, []byte("x")))
	_, _, err := o.Open(reflected)
	require.ErrorIs(t, err, errForged)
}

func TestEncryptionAllocatesNothing(t *testing.T) {
	s, o, _ := ends(t)
	body, buf := make([]byte, 100), make([]byte, 0, 400)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sealed := s.Append(buf, 0, body)[shortHeader:]
		if _, _, err := o.Open(sealed); err != nil {
			t.Fatal(err)
		}
	}))
}

func FuzzMessagesOfAnyFormAreRefused(f *testing.F) {
	f.Add([]byte(messageName))
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, o, _ := ends(t)
		if _, _, err := o.Open(p); err == nil {
			t.Fatal("a forged MESSAGE was accepted")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	benchmark(b, func(s *Sealer, _ *Opener, buf, body []byte) { s.Append(buf, 0, body) })
}

func BenchmarkSealAndOpen(b *testing.B) {
	benchmark(b, func(s *Sealer, o *Opener, buf, body []byte) {
		sealed := s.Append(buf, 0, body)
		if _, _, err := o.Open(sealed[len(sealed)-len(body)-messageHead-1:]); err != nil {
			b.Fatal(err)
		}
	})
}

func benchmark(b *testing.B, f func(s *Sealer, o *Opener, buf, body []byte)) {
	for _, size := range []int{8, 25, 100, 1000, 64 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s, o, _ := ends(b)
			body, buf := make([]byte, size), make([]byte, 0, size+Overhead+longHeader)
			b.SetBytes(int64(size))
			for b.Loop() {
				f(s, o, buf, body)
			}
		})
	}
}

// The key that is left after wiping is known to all: a frame that is encrypted with it is not secret, and
// one that can be opened with it is not the peer's.
func TestWipedKeysAreNotUsed(t *testing.T) {
	out, in := newSealer(messageOfClient, &sharedKey{1}, 3), newOpener(messageOfClient, &sharedKey{1}, 2)
	message := out.Append(nil, 0, []byte("text"))
	out.Wipe()
	in.Wipe()
	require.Zero(t, out.key)
	require.Zero(t, in.key)
	require.Panics(t, func() { out.Append(nil, 0, []byte("text")) })
	_, _, err := in.Open(message[shortHeader:])
	require.ErrorIs(t, err, errWiped)
}
