package loadtest

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// at makes the plan of a run through a post office of its own.
func at(t *testing.T, plan Plan) Plan {
	t.Helper()
	po, err := core.NewPostOffice("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = po.Close() })
	require.NoError(t, po.Start())
	in, err := po.Get("endpoint.in")
	require.NoError(t, err)
	out, err := po.Get("endpoint.out")
	require.NoError(t, err)
	plan.Prefix, plan.Warm = "bench", time.Minute
	plan.NewPublisher = func(int) (*core.Publisher, error) { return core.NewPublisher(in, "p") }
	plan.NewReceiver = func(int) (*core.Receiver, error) { return core.NewReceiver(out, "r") }
	return plan
}

func TestAllThatIsSentAtARateArrives(t *testing.T) {
	plan := at(t, Plan{Publishers: 2, Receivers: 2, Size: 100, Topics: 3, Rate: 2000, Duration: 200 * time.Millisecond})
	steps := 0
	plan.Progress = func(passed, all time.Duration) { steps++ }
	r, err := Run(t.Context(), plan)
	require.NoError(t, err)
	require.NotZero(t, r.Sent)
	require.LessOrEqual(t, float64(r.Sent), 2000*r.Seconds+2, "no more than are due")
	require.Equal(t, 2*r.Sent, r.Expected)
	require.Equal(t, r.Expected, r.Received)
	require.Zero(t, r.Lost)
	require.NotZero(t, steps)
	d := r.Delay
	require.True(t, 0 < d.Min && d.Min <= d.P50 && d.P50 <= d.P90 && d.P90 <= d.P99 && d.P99 <= d.P999 && d.P999 <= d.Max*1.001, "%+v", d)
	n := int64(0)
	for _, b := range r.Delay.Histogram {
		require.Less(t, b.From, b.To)
		n += b.Count
	}
	require.Equal(t, int64(r.Received), n)
}

func TestARunFlatOutEnds(t *testing.T) {
	r, err := Run(t.Context(), at(t, Plan{Publishers: 1, Receivers: 1, Size: MinSize, Topics: 1, Duration: 50 * time.Millisecond}))
	require.NoError(t, err)
	require.NotZero(t, r.Received)
	require.Equal(t, r.Expected, r.Received+r.Lost)
}

func TestARunCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, at(t, Plan{Publishers: 1, Receivers: 1, Size: 40, Topics: 1, Rate: 100, Duration: time.Hour}))
	if err != nil { // it was still warming up
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}

func TestAddressesOfTwoPostOfficesAreNoticed(t *testing.T) {
	one, other := at(t, Plan{Publishers: 1, Receivers: 1, Size: 40, Topics: 1, Duration: time.Second}), at(t, Plan{})
	one.NewReceiver, one.Warm = other.NewReceiver, 100*time.Millisecond
	_, err := Run(t.Context(), one)
	require.ErrorContains(t, err, "1 of 1 pairs")
}

func TestPlansAreChecked(t *testing.T) {
	good := Plan{Publishers: 1, Receivers: 1, Size: MinSize, Topics: 1, Duration: 1}
	require.NoError(t, good.Check())
	for _, spoil := range []func(*Plan){
		func(p *Plan) { p.Publishers = 0 }, func(p *Plan) { p.Receivers = 1001 }, func(p *Plan) { p.Size = MinSize - 1 },
		func(p *Plan) { p.Rate = -1 }, func(p *Plan) { p.Duration = 0 },
	} {
		bad := good
		spoil(&bad)
		require.Error(t, bad.Check())
	}
}

func TestNumbersTravelInTheData(t *testing.T) {
	r := &run{Plan: Plan{Size: 40}}
	data := r.data(nil, math.MaxUint64-1, 0x123456789abcdef0)
	require.Len(t, data, 40)
	one, ok := get(data[1:17])
	require.True(t, ok)
	require.Equal(t, uint64(math.MaxUint64-1), one)
	other, ok := get(data[17:33])
	require.True(t, ok)
	require.Equal(t, uint64(0x123456789abcdef0), other)
	_, ok = get([]byte("xxxxxxxxxxxxxxxx"))
	require.False(t, ok)
}
