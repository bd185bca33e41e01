package zmtp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHandshakesAtOnceAreBounded(t *testing.T) {
	p := &handshakePlaces{most: 2, patience: time.Second}
	now := time.Unix(1000, 0)
	var ended []int
	enter := func(n int) (*handshakePlace, error) { return p.enter(now, func() { ended = append(ended, n) }) }
	first, err := enter(1)
	require.NoError(t, err)
	_, err = enter(2)
	require.NoError(t, err)
	_, err = enter(3)
	require.ErrorContains(t, err, "option limit.handshakes")
	first.leave()
	first.leave() // counts once
	_, err = enter(4)
	require.NoError(t, err)
	_, err = enter(5)
	require.ErrorContains(t, err, "option limit.handshakes")
	require.Empty(t, ended)
}

func TestAHandshakeWhosePeerIsSilentMakesRoom(t *testing.T) {
	p := &handshakePlaces{most: 3, patience: time.Second}
	now := time.Unix(1000, 0)
	var ended []int
	enter := func(n int) (*handshakePlace, error) { return p.enter(now, func() { ended = append(ended, n) }) }
	var places [4]*handshakePlace
	for n := 1; n <= 3; n++ {
		var err error
		places[n], err = enter(n)
		require.NoError(t, err)
	}
	places[1].await(now)
	places[2].await(now)
	now = now.Add(time.Second)
	places[1].work()
	places[1].await(now) // it has gone on
	_, err := enter(4)
	require.Error(t, err, "the peer of 2 has had no more than a second, and 3 waits for its turn here")
	now = now.Add(1)
	four, err := enter(4)
	require.NoError(t, err)
	require.Equal(t, []int{2}, ended)
	places[2].await(now) // it does not know yet
	places[2].leave()
	four.await(now)
	now = now.Add(time.Second)
	_, err = enter(5)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1}, ended)
	now = now.Add(time.Hour)
	_, err = enter(6)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 4}, ended)
	_, err = enter(7)
	require.Error(t, err, "no peer is waited for")
}
