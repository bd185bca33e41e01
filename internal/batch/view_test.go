package batch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAViewKeepsItsBatchAlive(t *testing.T) {
	b := Get()
	b.AppendFrame([]byte("one"), false)
	b.AppendFrame([]byte("two"), false)
	b.Retain() // which the view takes over
	v := View(b, b.Buf[b.Start(1):], b.Held())
	v.Ends = append(v.Ends, len(v.Buf))
	b.Release()
	require.EqualValues(t, 1, b.refs.Load())
	require.Equal(t, &b.Buf[b.Start(1)], &v.Message(0)[0])
	require.Equal(t, len(v.Buf), cap(v.Buf), "nothing is appended to what another has")
	require.Equal(t, cap(b.Buf), v.Held(), "the whole batch stays, however little of it is seen")
	require.GreaterOrEqual(t, v.Footprint(), int64(cap(b.Buf)))
	v.Retain()
	v.Release()
	require.EqualValues(t, 1, b.refs.Load())
	v.Release()
	require.Zero(t, b.refs.Load())
}

func TestAViewMayGetBytesOfItsOwn(t *testing.T) {
	b := Get()
	b.AppendFrame([]byte("one"), false)
	b.Retain()
	v := View(b, b.Buf, b.Held())
	v.Ends = append(v.Ends, len(v.Buf))
	v.Own()
	require.EqualValues(t, 1, b.refs.Load())
	require.Equal(t, cap(v.Buf), v.Held())
	v.Buf[2] = 'O'
	require.Equal(t, "one", string(b.Message(0)[2:]))
	require.GreaterOrEqual(t, cap(v.Buf), TargetBytes, "as all that the pool has")
	v.Own()
	require.Equal(t, "One", string(v.Message(0)[2:]))
	v.Release()
	b.Release()
}
