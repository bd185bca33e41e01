package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/testkit"
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

func TestTheSocketFileIsAsItsOptionsSay(t *testing.T) {
	uid, gid := testkit.Stranger()
	path := filepath.Join(shortDir(t), "s")
	r, err := NewReceiver("@ipc://"+path+",@ipc://*,@tcp://127.0.0.1:*,ipc://"+path+"-elsewhere", "rec")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	set(t, r, "ipc.mode", "0660", "ipc.group", fmt.Sprint(gid), "ipc.owner", fmt.Sprint(uid))
	require.NoError(t, r.Start())
	for _, at := range strings.Split(get(t, r, "endpoint"), ",")[:2] {
		file := strings.TrimPrefix(at, "ipc://")
		info, err := os.Lstat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o660), info.Mode().Perm())
		require.Equal(t, gid, info.Sys().(*syscall.Stat_t).Gid)
		require.Equal(t, uid, info.Sys().(*syscall.Stat_t).Uid)
		if file != path { // in a directory that was made for it
			info, err = os.Lstat(filepath.Dir(file))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o711), info.Mode().Perm())
		}
	}
	require.NoError(t, r.Stop(0))
	require.NoFileExists(t, path)
}

func TestAPeerOfAnotherUserIsLetInByTheMode(t *testing.T) {
	uid, gid := testkit.Stranger()
	dir := shortDir(t)
	require.NoError(t, os.Chmod(dir, 0o755))
	for mode, allowed := range map[string]bool{"0666": true, "0600": uid == uint32(os.Geteuid())} {
		po, err := NewPostOffice("ipc://"+filepath.Join(dir, mode), "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, po, "ipc.mode", mode)
		require.NoError(t, po.Start())
		err = testkit.AsUser(t, uid, gid, func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(fd) }()
			return unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, mode)})
		})
		if allowed {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, unix.EACCES)
		}
		require.NoError(t, po.Close())
	}
}

func TestOptionsForASocketFileThatWouldNotCountAreRefused(t *testing.T) {
	path := "ipc://" + filepath.Join(shortDir(t), "s")
	for name, c := range map[string]struct {
		address, engine string
		code            Code
		says            []string
	}{
		"abstract":          {"@ipc://@hermes-core-test", "zmtp", EOPTION, []string{"ipc://@hermes-core-test", "no file", "unset"}},
		"abstract, plain":   {"@plain+ipc://@hermes-core-test", "zmtp", EOPTION, []string{"no file"}},
		"abstract and file": {"@" + path + ",@ipc://@hermes-core-test", "zmtp", EOPTION, []string{"no file"}},
		"connected":         {path, "zmtp", OK, nil},
		"no ipc":            {"@tcp://127.0.0.1:*", "zmtp", OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReceiver(c.address, "rec")
			require.NoError(t, err)
			defer r.Close()
			set(t, r, "ipc.mode", "0600", "engine", c.engine)
			code(t, c.code, r.Start(), c.says...)
		})
	}
}

func TestASocketFileThatCannotBeGivenAwayIsRemoved(t *testing.T) {
	dir := shortDir(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	r, err := NewReceiver("@ipc://"+filepath.Join(dir, "s"), "rec")
	require.NoError(t, err)
	defer r.Close()
	set(t, r, "ipc.owner", "root")
	uid, gid := testkit.Stranger()
	err = testkit.AsUser(t, uid, gid, r.Start)
	code(t, EIO, err, `receiver "rec"`, "option ipc.owner", "CAP_CHOWN", filepath.Join(dir, "s"))
	require.NoFileExists(t, filepath.Join(dir, "s"))
}
