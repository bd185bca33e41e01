package core

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPeerOverIPCIsShownWithItsUser(t *testing.T) {
	po, err := NewPostOffice("tcp://127.0.0.1:*", "ipc://"+shortDir(t)+"/s", "")
	require.NoError(t, err)
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"))
	newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	require.NoError(t, r.WaitReady(soon))
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	who := fmt.Sprintf("(uid %d, gid %d)", uid, gid)
	require.Contains(t, eventOf(t, r, "connected").Text, "connected at "+get(t, po, "endpoint.out")+" "+who)
	require.Eventually(t, func() bool { s := po.Stats(); return len(s.Subscribers) == 1 && len(s.Publishers) == 1 }, soon, time.Millisecond)
	s := po.Stats()
	require.Equal(t, &uid, s.Subscribers[0].UID)
	require.Equal(t, &gid, s.Subscribers[0].GID)
	require.Nil(t, s.Publishers[0].UID)
	require.Contains(t, string(po.StatsJSON()), fmt.Sprintf(`"uid":%d,"gid":%d,`, uid, gid))
}
