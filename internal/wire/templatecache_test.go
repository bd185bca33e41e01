package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// templatesOf are templates of which one is that of a text.
func templatesOf(text []byte) *templates {
	var s templates
	s[templateSlot(text)].learn(text)
	return &s
}

func TestATemplateMatchesWhatDiffersInDigitsOnly(t *testing.T) {
	for _, c := range []struct {
		known, other string
		fits         bool
	}{
		{`["Tick",42010.50,1000]`, `["Tick",99999.99,9876]`, true},
		{`["Tick",42010.50,1000]`, `["Tick",02010.50,1000]`, false}, // a zero in front
		{`["Tick",42010.50,1000]`, `["Tick",42010.50,0000]`, false},
		{`["Tick",42010.50,1000]`, `["Tick",42010.50,-100]`, false},
		{`["Tick",42010.50,1000]`, `["tick",42010.50,1000]`, false},
		{`["Tick",42010.50,1000]`, `["Tick",4201:.50,1000]`, false}, // behind the nine
		{`["Tick",42010.50,1000]`, `["Tick",4201/.50,1000]`, false}, // before the zero
		{`["Tick",42010.50,1000]`, "[\"Tick\",42010\x1e50,1000]", false},
		{`["Tick",42010.50,1000]`, "[\"Tick\",4201\x10.50,1000]", false},
		{`["Tick",42010.50,1000]`, `["Tick",42010.50,1000 `, false},
		{`["Tick",5.25,0.5,"00"]`, `["Tick",0.25,7.0,"19"]`, true},
		{`["Tick","1e\u1234",-5]`, `["Tick","9e\u9000",-0]`, true},
		{`["Tick",1e+15,-1.000]`, `["Tick",2e+00,-0.999]`, false}, // though valid
		{`["Tick",1e+05,-1.000]`, `["Tick",2e+10,-0.999]`, true},
	} {
		h := &templatesOf([]byte(c.known))[templateSlot([]byte(c.known))]
		require.True(t, h.matches([]byte(c.known)), c.known)
		require.Equal(t, c.fits, h.matches([]byte(c.other)), c.other)
		require.Equal(t, c.fits, h.matchesByWords([]byte(c.other)), c.other)
	}
}

func TestTemplatesAgreeWithValid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s templates
	for range 50000 {
		text := fmt.Appendf(nil, `[%d,%.2f,"%03d\u%04x",{"a":%g},-%d]`, r.IntN(100), r.Float64()*20, r.IntN(1000),
			r.IntN(65536), r.Float64(), r.IntN(12))
		if r.IntN(3) == 0 {
			text[r.IntN(len(text))] = "0123456789-.:/\"\\e[ "[r.IntN(19)]
		}
		require.Equal(t, Valid(text), s.valid(text), "%s", text)
	}
}

func TestAFrequentTemplateKeepsItsSlot(t *testing.T) {
	var s templates
	often, odd := []byte(`["often",100,"abcdef"]`), []byte(`["often",100,"ghijkl"]`)
	require.Equal(t, templateSlot(often), templateSlot(odd))
	for range templateMisses + 1 {
		require.True(t, s.valid(often))
		require.True(t, s.valid(odd))
	}
	h := &s[templateSlot(often)]
	require.True(t, h.matches(often), "one that comes now and then does not displace it")
	for range templateMisses + 1 {
		require.True(t, s.valid(odd))
	}
	require.True(t, h.matches(odd), "and one that comes instead does")
}

func TestATemplateCacheServesManyGoroutines(t *testing.T) {
	var s TemplateCache
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				good := fmt.Appendf(nil, `["Tick",%d,"BTCUSD"]`, 1_000_000+i)
				bad := fmt.Appendf(nil, `["Tick",0%d,"BTCUSD"]`, 100_000+i)
				if !s.Valid(good) || s.Valid(bad) {
					t.Errorf("%s or %s misjudged", good, bad)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzTemplate: what matches the template of a valid text is valid.
func FuzzTemplate(f *testing.F) {
	for _, pair := range [][2]string{
		{`["Tick",42010.50,1000]`, `["Tick",02010.50,1000]`},
		{`{"a": [1e+15, -0.5]}  `, `{"a": [0e+05, -1.5]}  `},
		{`"\u0041 \ud800 NaN 01"`, `"\u1041 \ud999 NaN 10"`},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, known, other []byte) {
		n := min(len(known), len(other))
		if known, other = known[:n], other[:n]; n < minTemplate || n > maxTemplate || !Valid(known) {
			return
		}
		h := &templatesOf(known)[templateSlot(known)]
		require.Equal(t, h.matchesByWords(other), h.matches(other))
		if h.matches(other) {
			require.True(t, Valid(other))
		}
		mixed := bytes.Clone(known) // what is close to it is found more often like this
		for i, c := range other {
			if isDigit(mixed[i]) {
				mixed[i] = '0' + c%12
			}
		}
		require.Equal(t, h.matchesByWords(mixed), h.matches(mixed))
		if h.matches(mixed) {
			require.True(t, Valid(mixed))
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	text, next := []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`), []byte(`["BTCUSD", 7654.32, 9.75, "bid", 1517670001.987654]`)
	s := templatesOf(text)
	b.ReportAllocs()
	for b.Loop() {
		if !s.valid(next) {
			b.Fatal()
		}
	}
}
