package wire

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEntriesOfFourGoOutAsTheyAre(t *testing.T) {
	text := `["a", null, 1, "then"], [{"k": 5}, [], 1, null], [null, "o", 1], [5, null, 1]`
	entries, err := ParseBatch([]byte("["+text+"]"), []byte(`"me"`))
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.Topic, e.Origin, e.Data, e.Time))
		one := append(append(append([]byte("["), e.Topic...), ','), e.Origin...)
		one = append(append(append(one, ','), e.Data...), ",null]"...)
		entry, err := ParseEntry(one, nil)
		require.NoError(t, err)
		require.Equal(t, Entry{Topic: e.Topic, Origin: e.Origin, Data: e.Data}, entry)
	}
	require.Equal(t, []string{`"a" null 1 "then"`, `{"k": 5} [] 1 `, `null "o" 1 `, `5 "me" 1 `}, got)
}

func TestATextThatIsNotJSONIsNoBatch(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[`, `[["a",null,1]`, `[["a",null,1],`, `[["a",null,1],]`, `[["a",null,1]] 1`, `[] []`, `[["a",null,1]["b",null,1]]`,
		`[["a",null,1];["b",null,1]]`, `[["a",null,1],["b",null,tru]]`, `[[1],["b",null,1]`, `[["a",null,1]]]`, `{"a":}`, `[,]`,
	} {
		require.False(t, Valid([]byte(text)), text)
		_, err := ParseBatch([]byte(text), []byte(`"me"`))
		require.ErrorIs(t, err, ErrJSON, text)
	}
	for _, text := range []string{`[]`, ` [ ] `, ` [ [ "a" , null , 1 ] , ["b",null,[2]] ] `} {
		_, err := ParseBatch([]byte(text), []byte(`"me"`))
		require.NoError(t, err, text)
	}
}

func TestBatchesAreParsedAndMadeCanonical(t *testing.T) {
	entries, err := ParseBatch([]byte(` [["a/b", null, 1], ["\u00E9\/x", "\u0041", [NaN]],["é\ud800", "\ud83d\uDE00", {}]] `), []byte(`"me"`))
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, string(e.Topic)+" "+string(e.Origin)+" "+string(e.Data))
	}
	require.Equal(t, []string{`"a/b" "me" 1`, `"\u00e9/x" "A" [NaN]`, `"\u00e9\ud800" "\ud83d\ude00" {}`}, got)
	for text, want := range map[string]string{
		`{}`: "not an array", `[1]`: "element 0", `[["a",null,1],["a",null]]`: "element 1", `[["a",null,1,2,3]]`: "element 0",
	} {
		_, err := ParseBatch([]byte(text), nil)
		require.ErrorContains(t, err, want, text)
	}
	entries, err = ParseBatch([]byte(`[]`), nil)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// ParseEntry has the same result for a text as ParseBatch for an array of that text.
func TestAnEntryIsParsedAsInABatch(t *testing.T) {
	own := []byte(`"me"`)
	for _, text := range []string{
		`["a/b", null, 1]`, ` [ "\u00E9\/x" , "\u0041" ,[NaN] ]  `, `["é\ud800","\ud83d\uDE00",{}]`, `["","",""]`, `["a","b",[[[1]]]]`,
		``, ` `, `[`, `[]`, `["a"]`, `["a",null]`, `["a",null,1`, `["a",null,1,2]`, `["a",null,1]]`, `["a",null,1] 1`, `["a" null,1]`,
		`["a",,1]`, `["a",null,]`, `[,null,1]`, `{"a":1}`, `1`, `"a"`, `[1,null,1]`, `["a",1,1]`, `["a",[],1]`, `["a",nul,1]`,
		`["a",null,tru]`, "[\"a\",null,\"\xff\"]", "[\"a\",null,1\x00]",
	} {
		one, err := ParseEntry([]byte(text), own)
		array := []byte("[" + text + "]")
		if !Valid([]byte(text)) {
			require.ErrorIs(t, err, ErrJSON, text)
			continue
		}
		require.True(t, Valid(array), text)
		many, batchErr := ParseBatch(array, own)
		require.Equal(t, batchErr == nil, err == nil, "%s: %v, %v", text, batchErr, err)
		if err == nil {
			require.Equal(t, many[0], one, text)
		} else {
			require.NotErrorIs(t, err, ErrJSON, text)
		}
	}
}

func BenchmarkParseEntry(b *testing.B) {
	text := []byte(`["ticks/BTCUSD", "bitfinex", ["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEntry(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseBatch(b *testing.B) {
	row := []byte(`["ticks/BTCUSD",null,["BTCUSD",6543.21,1.25,"bid",1517670000.123456]]`)
	text := append([]byte("["), bytes.Join(slices.Repeat([][]byte{row}, 256), []byte(","))...)
	text = append(text, ']')
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseBatch(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}
