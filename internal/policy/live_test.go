package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit/policymodel"
)

// soon bounds waits for what happens by itself.
const soon = time.Minute

const onlyTicks = "[users.a]\nuids = [1]\n[[allow]]\nusers = [\"a\"]\nsubscribe = [\"ticks\"]\n"

// replace writes a file as editors do: another one, which takes its name.
func replace(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// opened opens a policy with a text; reports are collected.
func opened(t testing.TB, text string) (l *Live, path string, reports chan Report) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	reports = make(chan Report, 1000)
	l, err := Open(path, func(r Report) { reports <- r })
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l, path, reports
}

func next(t testing.TB, reports chan Report) Report {
	t.Helper()
	select {
	case r := <-reports:
		return r
	case <-time.After(soon):
		t.Fatal("nothing was reported")
		return Report{}
	}
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	l, path, reports := opened(t, onlyTicks)
	require.True(t, l.Policy().User("a").Subscribe("ticks").Allowed)
	replace(t, path, "[users.a]\nuids = [1]\n[users.b]\nuids = [2]\n")
	r := next(t, reports)
	require.NoError(t, r.Err)
	require.Equal(t, "policy.toml was read again; users: 2", r.String())
	require.False(t, l.Policy().User("a").Subscribe("ticks").Allowed)

	require.NoError(t, os.WriteFile(path, []byte(onlyTicks), 0o600)) // as others do
	require.Eventually(t, func() bool { return l.Policy().User("b") == nil }, soon, time.Millisecond)
	require.True(t, l.Policy().User("a").Subscribe("ticks").Allowed)
}

func TestAnErrorKeepsThePolicy(t *testing.T) {
	l, path, reports := opened(t, onlyTicks)
	before := l.Policy()
	replace(t, path, "[users.a]\nuid = [1]\n")
	require.ErrorContains(t, next(t, reports).Err, "policy.toml, line 1: user a has none of")
	require.Same(t, before, l.Policy())
	require.Error(t, l.Reload())
	require.Contains(t, next(t, reports).String(), "the policy stays as it was: policy.toml, line 1")
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, next(t, reports).Err, os.ErrNotExist)
	require.Same(t, before, l.Policy())
	replace(t, path, onlyTicks)
	require.NoError(t, next(t, reports).Err)
	require.NotSame(t, before, l.Policy())
}

func TestKeysAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	keys, elsewhere := filepath.Join(dir, "clients"), filepath.Join(t.TempDir(), "desk-2.key")
	require.NoError(t, os.Mkdir(keys, 0o700))
	one := filepath.Join(keys, "desk-1.key")
	for file, name := range map[string]string{one: "desk-1", elsewhere: "desk-2"} {
		require.NoError(t, os.WriteFile(file, []byte(testKeys[name]), 0o600))
	}
	path := filepath.Join(dir, "policy.toml")
	text := fmt.Sprintf("[users.a]\nkeys = [\"clients\"]\n[users.b]\nkeys = [%q]\n", elsewhere)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	reports := make(chan Report, 1000)
	l, err := Open(path, func(r Report) { reports <- r })
	require.NoError(t, err)
	defer l.Close()
	a := Identity{Key: testKeys["desk-1"]}
	require.Equal(t, "a", l.Policy().Identify(a).Name())

	require.NoError(t, os.Remove(one))
	require.NoError(t, next(t, reports).Err)
	require.Nil(t, l.Policy().Identify(a), "its key is gone")

	replace(t, elsewhere, testKeys["desk-1"])
	require.NoError(t, next(t, reports).Err)
	require.Equal(t, "b", l.Policy().Identify(a).Name())

	// A file that is missing is an error, and waited for.
	require.NoError(t, os.Remove(elsewhere))
	require.ErrorContains(t, next(t, reports).Err, "neither a public key")
	require.Equal(t, "b", l.Policy().Identify(a).Name(), "the policy stays")
	replace(t, elsewhere, testKeys["desk-2"])
	require.NoError(t, next(t, reports).Err)
	require.Nil(t, l.Policy().Identify(a))
}

// A volume of a container is a directory of links, of which one is replaced.
func TestAReplacedLinkIsSeen(t *testing.T) {
	dir := t.TempDir()
	for i, text := range []string{onlyTicks, "[users.b]\nuids = [2]\n"} {
		version := filepath.Join(dir, fmt.Sprint("..", i))
		require.NoError(t, os.Mkdir(version, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(version, "policy.toml"), []byte(text), 0o600))
	}
	data, path := filepath.Join(dir, "..data"), filepath.Join(dir, "policy.toml")
	require.NoError(t, os.Symlink("..0", data))
	require.NoError(t, os.Symlink("..data/policy.toml", path))
	l, err := Open(path, nil)
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, os.Symlink("..1", data+".new"))
	require.NoError(t, os.Rename(data+".new", data))
	require.Eventually(t, func() bool { return l.Policy().User("b") != nil }, soon, time.Millisecond)
	replace(t, filepath.Join(dir, "..1", "policy.toml"), onlyTicks) // the file behind both links
	require.Eventually(t, func() bool { return l.Policy().User("b") == nil }, soon, time.Millisecond)
}

func TestSubscribersAreCalledOneAtATime(t *testing.T) {
	l, _, _ := opened(t, onlyTicks)
	var running, calls atomic.Int32
	last := make([]*Policy, 3)
	for i := range last {
		cancel := l.Subscribe(func(p *Policy) {
			if running.Add(1) != 1 {
				t.Error("two calls at a time")
			}
			last[i] = p
			calls.Add(1)
			running.Add(-1)
		})
		defer cancel()
	}
	stopped := l.Subscribe(func(*Policy) { t.Error("it was cancelled") })
	stopped()
	stopped()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if err := l.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Positive(t, calls.Load())
	for _, p := range last {
		require.Same(t, l.Policy(), p, "each knows the last one")
	}
}

// No lock is held while a subscriber runs.
func TestASubscriberMayCallEverything(t *testing.T) {
	l, _, reports := opened(t, onlyTicks)
	var cancel func()
	calls := 0
	cancel = l.Subscribe(func(p *Policy) {
		require.Same(t, p, l.Policy())
		if calls++; calls == 1 {
			require.NoError(t, l.Reload()) // calls it again, afterwards
			return
		}
		cancel()
		l.Subscribe(func(*Policy) {})()
		l.Close()
	})
	l.Subscribe(func(*Policy) { panic("of a subscriber") })
	require.NoError(t, l.Reload())
	require.Equal(t, 2, calls)
	require.NoError(t, next(t, reports).Err)
	require.NoError(t, next(t, reports).Err, "of the call within")
	require.Contains(t, next(t, reports).String(), "the new policy is not in force everywhere: panic: of a subscriber")
	require.ErrorIs(t, l.Reload(), errClosed)
	l.Close()
}

func TestOpenNeedsAPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.toml")
	_, err := Open(path, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("x = 1\n"), 0o600))
	_, err = Open(path, nil)
	var wrong *Problems
	require.ErrorAs(t, err, &wrong)
}

// Verdicts are those of the model while the policy is read again and again; each question is asked of
// one policy, whole.
func TestVerdictsDuringReloads(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	m := policymodel.Random(r)
	l, path, _ := opened(t, m.String())
	for asked := 0; asked < policymodel.Cases(t, 20_000)/10; {
		m = policymodel.Random(r)
		replace(t, path, m.String())
		require.NoError(t, l.Reload())
		for range questionsEach {
			askBoth(t, r, m, l.Policy())
			asked += 2 + narrowBoth(t, r, m, l.Policy())
		}
	}
}
