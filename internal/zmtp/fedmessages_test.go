package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumberedMessagesAreFedOnce(t *testing.T) {
	f := newFedMessages()
	b := envelopes(t, "kept", "o", 0, 10)
	for i := range 5 {
		require.True(t, f.addStored(b.Message(i)))
		require.False(t, f.addRecent(b.Message(i)))
	}
	rest := f.rest()
	for i := range 10 {
		require.Equal(t, i >= 5, rest.fresh(b.Message(i)))
		require.Equal(t, i >= 5, rest.fresh(b.Message(i)), "looking notes nothing")
	}
	require.True(t, f.addRecent(envelopes(t, "kept", "another", 0, 1).Message(0)))
	require.True(t, f.addRecent(b.Message(9)))
	require.False(t, f.addStored(b.Message(8)))
}

func TestMessagesWithoutNumbersThatAreAlikeAreFedAsOftenAsTheyWereSent(t *testing.T) {
	f := newFedMessages()
	b := message(`"kept"`, "alike").Message(0)
	require.True(t, f.addStored(b))
	require.True(t, f.addStored(b))
	rest := f.rest()
	require.Equal(t, []bool{false, false, true}, []bool{rest.fresh(b), rest.fresh(b), rest.fresh(b)})
	require.Equal(t, []bool{false, false, true}, []bool{f.addRecent(b), f.addRecent(b), f.addRecent(b)})
	require.False(t, f.addStored(b))
	require.True(t, f.addStored(b))
	for range 3 * fedOthers {
		f.remember(uint64(len(f.order) + f.at))
	}
	require.Len(t, f.order, fedOthers)
	require.LessOrEqual(t, len(f.others), fedOthers)
}
