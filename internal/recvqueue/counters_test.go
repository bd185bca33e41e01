package recvqueue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLagIsThatOfTheNewestAndTheGreatest(t *testing.T) {
	var all, batch, none Lag
	all.add(none)
	require.Zero(t, all)
	batch.Note(-5)
	batch.Note(-7)
	all.add(batch)
	require.Equal(t, [2]float64{-7, -5}, [2]float64{all.Newest, all.Max}, "a sender whose clock is ahead")
	batch = Lag{}
	batch.Note(3)
	batch.Note(1)
	all.add(batch)
	all.add(none)
	require.Equal(t, [2]float64{1, 3}, [2]float64{all.Newest, all.Max})
}
