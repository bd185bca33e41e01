package httpd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// browser opens one; tests share it through tabs of their own.
func browser(t *testing.T) context.Context {
	t.Helper()
	var program string
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	require.NotEmpty(t, program, "no Chromium: .ci/deps test installs it")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	limited, stop := context.WithTimeout(allocator, 3*time.Minute)
	t.Cleanup(stop)
	tab, end := chromedp.NewContext(limited)
	t.Cleanup(end)
	return tab
}

// tab is one open page.
type tab struct {
	t    *testing.T
	ctx  context.Context
	mu   sync.Mutex
	said []string // what it wrote to the console, its exceptions, and what its policy forbade
}

// visit opens a page.
func visit(t *testing.T, url string) *tab {
	t.Helper()
	p := &tab{t: t, ctx: browser(t)}
	messages := chromedp.Console(p.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.said = append(p.said, m.String())
			p.mu.Unlock()
		}
	}()
	p.view(1600, "light")
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Navigate(url)))
	return p
}

// view sets the width of the window and the colour scheme.
func (p *tab) view(width int64, scheme string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 1100)))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(p.t, err)
}

// of is the value of a JavaScript expression.
func of[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	require.NoError(p.t, err, expression)
	return v
}

// until waits until a JavaScript expression is true.
func (p *tab) until(expression string) {
	p.t.Helper()
	for end := time.Now().Add(soon); !of[bool](p, "Boolean("+expression+")"); time.Sleep(20 * time.Millisecond) {
		require.True(p.t, time.Now().Before(end), "%s; the page says %v, and shows %s", expression, p.complaints(), of[string](p, "document.body.innerText"))
	}
}

// states waits until the page has drawn n more states.
func (p *tab) states(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`(() => { window.marks ??= new WeakSet(); const row = document.querySelector("#drops").firstElementChild; if (row && !marks.has(row)) { marks.add(row); window.drawn = (window.drawn ?? 0) + 1; } if (window.drawn > %d) { window.drawn = 0; return true; } return false; })()`, n))
}

func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.said)
}

// hostile is text that does harm where it gets into a page as markup.
const hostile = `<img src=x onerror="window.harmed=1">'"><script>window.harmed=1</script>`

// busy gives a post office publishers, receivers and traffic until the test ends. text is the name of one of them, a topic, and
// in the data.
func busy(s *site, text string) {
	screen, err := core.NewReceiver(get(s.t, s.office, "endpoint.out"), "screen")
	require.NoError(s.t, err)
	set(s.t, screen, "on_slow", "ignore", "stats.address", get(s.t, s.office, "endpoint.in"), "stats.interval", "200ms")
	require.NoError(s.t, screen.Subscribe(""))
	require.NoError(s.t, screen.Start())
	s.t.Cleanup(func() { _ = screen.Close() })
	s.receiver("archive", "ticks/", "orders/")
	s.receiver("risk", "orders/")
	stalled(s)
	go func() {
		for {
			e, err := s.office.NextEvent(-1)
			if err != nil {
				return
			}
			s.Event(e)
		}
	}()
	stop := make(chan struct{})
	var tasks sync.WaitGroup
	for i, name := range []string{"exchange", "desk-1", "weather", text} {
		p := s.publisher(name, "queue.full", "drop_new")
		tasks.Add(1)
		go func() {
			defer tasks.Done()
			for n := 0; ; n++ {
				for k := range 5 {
					topic := []string{"ticks/EUR" + strconv.Itoa(k), "orders/" + strconv.Itoa(k), "weather/Zürich/" + strconv.Itoa(k), text}[i]
					_ = p.Publish(topic, "", fmt.Appendf(nil, `{"n":%d,"text":%q,"pad":"%010000d"}`, n, text, n))
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(15*(i+1)) * time.Millisecond):
				}
			}
		}()
	}
	s.t.Cleanup(func() { close(stop); tasks.Wait() })
}

// stalled is a receiver that reads nothing.
func stalled(s *site) {
	r, err := core.NewReceiver(get(s.t, s.office, "endpoint.out"), "stalled")
	require.NoError(s.t, err)
	set(s.t, r, "on_slow", "ignore", "queue.messages", "10", "queue.full", "block", "queue.block", "1h")
	require.NoError(s.t, r.Subscribe(""))
	require.NoError(s.t, r.Start())
	s.t.Cleanup(func() { _ = r.Close() })
}

// contrast is a program for the page: texts whose contrast with what is behind them is below 4.5.
const contrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgb = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
	const bad = [];
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		if (!own || !e.getClientRects().length || e.closest("noscript")) continue;
		const style = getComputedStyle(e);
		const [a, b] = [light(rgb(e instanceof SVGElement ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) bad.push(e.tagName + " " + e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
	}
	return bad;
})()`

// overflow is a program for the page: whether it is wider than the window.
const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

func TestThePageShowsWhatPasses(t *testing.T) {
	s := newSite(t, Config{}, "queue.messages", "200", "queue.full", "drop_new")
	s.live.every = 200 * time.Millisecond
	busy(s, hostile)
	p := visit(t, s.url+"/")
	p.until(`document.querySelectorAll("#receivers tr").length >= 4 && document.querySelectorAll("#publishers tr").length == 5 && document.querySelector("#topics .go")`)
	of[any](p, `(document.querySelector("#tail-topic").value = "weather/", document.querySelector("#tail-form").requestSubmit(), 1)`)
	p.until(`document.querySelector("#tail tr")`)
	p.until(`document.querySelector("#receivers .bad") && document.querySelector("#flow path[stroke='var(--drop)']")`)
	require.Equal(t, "Live", of[string](p, `document.querySelector("#status").textContent`))
	p.until(`[...document.querySelectorAll("#receivers .name")].some((e) => e.textContent.startsWith("screen"))`) // it shows itself
	p.until(`document.querySelector("#flow").textContent.includes("screen")`)
	// The slowest receiver is the first, and the thickness of links is their rate.
	p.until(`(() => { const n = [...document.querySelectorAll("#receivers tr")].map((r) => r.children[2].textContent); return n[0] !== "0" && n.length >= 4 && n.slice(1).every((v) => v === "0"); })()`)
	p.until(`(() => {
		const flow = [...document.querySelector("#flow").children], links = flow.filter((e) => e.tagName === "path" && e.getAttribute("stroke") === "var(--in)");
		const rate = (e) => parseFloat(flow.slice(flow.indexOf(e)).filter((x) => x.tagName === "text")[1].textContent);
		const all = links.map((e) => [rate(e), parseFloat(e.getAttribute("stroke-width"))]).sort((a, b) => a[0] - b[0]);
		return all.length >= 2 && all[0][0] < all.at(-1)[0] && all.every(([, width], i) => !i || width >= all[i - 1][1]) && all[0][1] < all.at(-1)[1];
	})()`)
	p.until(`[...document.querySelectorAll("#topics tr")].every((r) => (r.querySelector("svg path:last-child")?.getAttribute("d").match(/L/g) || []).length >= 2)`)
	p.until(`(() => { const kinds = [...document.querySelectorAll("#events b")].map((e) => e.textContent); return kinds.at(-1) === "started" && kinds.includes("connected"); })()`)
	of[any](p, `(document.querySelector("#tail-clear").click(), document.querySelector("#tail-filter").value = "/3", 1)`)
	p.until(`document.querySelectorAll("#tail tr:not([data-loss])").length >= 3 && [...document.querySelectorAll("#tail tr:not([data-loss])")].every((r) => r.textContent.includes("/3"))`)
	of[any](p, `(document.querySelector("#tail-filter").value = "", document.querySelector("#tail-clear").click(), 1)`)
	p.until(`[...document.querySelectorAll("#tail tr:not([data-loss])")].some((r) => !r.textContent.includes("/3"))`)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{380, 1600} {
			p.view(width, scheme)
			p.states(2)
			require.Empty(t, of[[]string](p, contrast), "contrast at %d, %s", width, scheme)
			require.LessOrEqual(t, of[int](p, overflow), 0, "at %d, %s", width, scheme)
			p.picture(fmt.Sprintf("hostile-%d-%s.png", width, scheme))
		}
	}
	// Topics, origins and data of the network are text, wherever they are shown.
	for _, where := range []string{"#topics", "#publishers", "#flow"} {
		require.Contains(t, of[string](p, fmt.Sprintf("document.querySelector(%q).textContent", where)), "<img src=x", where)
	}
	require.Contains(t, of[string](p, `document.querySelector("#tail").textContent`), "<img src=x")
	require.Equal(t, 1, of[int](p, `document.querySelectorAll("img").length`), "the mark of the page alone")
	require.True(t, of[bool](p, `window.harmed === undefined`))
	require.Empty(t, p.complaints())
}

// TestThePageServesKeyboardsAndScreenReaders: what can be used has a name and is reached with the Tab key.
func TestThePageServesKeyboardsAndScreenReaders(t *testing.T) {
	s := newSite(t, Config{})
	s.live.every = 200 * time.Millisecond
	p := visit(t, s.url+"/")
	p.until(`document.querySelector("#status").dataset.state === "live"`)
	require.Empty(t, of[[]string](p, `[...document.querySelectorAll("button, input, [role=region], [role=img], section")].filter((e) => {
		const by = e.getAttribute("aria-labelledby");
		const name = e.getAttribute("aria-label") || (by && document.getElementById(by)?.textContent) || e.closest("label")?.textContent || (e.id && document.querySelector("label[for=" + e.id + "]")?.textContent) || (e.tagName === "BUTTON" && e.textContent);
		return !name || !name.trim();
	}).map((e) => e.outerHTML.slice(0, 80))`))
	require.Equal(t, 1, of[int](p, `document.querySelectorAll("main").length`))
	require.Equal(t, 1, of[int](p, `document.querySelectorAll("h1").length`))
	require.Empty(t, of[[]string](p, `[...document.querySelectorAll("th")].filter((e) => e.scope !== "col").map((e) => e.textContent)`))
	var order []string
	for range 5 {
		require.NoError(t, chromedp.Do(p.ctx, chromedp.KeyEvent("\t")))
		order = append(order, of[string](p, `document.activeElement.id || document.activeElement.className || document.activeElement.getAttribute("aria-labelledby")`))
	}
	require.Equal(t, []string{"skip", "pause", "scroll", "scroll", "scroll"}, order)
	of[any](p, `(document.querySelector("#pause").focus(), 1)`)
	require.NoError(t, chromedp.Do(p.ctx, chromedp.KeyEvent(" ")))
	p.until(`document.querySelector("#pause").getAttribute("aria-pressed") === "true" && document.querySelector("#status").textContent === "Paused"`)
	require.Empty(t, p.complaints())
}

func TestThePageAsksForTheToken(t *testing.T) {
	s := newSite(t, Config{ReadToken: tokenOf(t, secret)})
	p := visit(t, s.url+"/")
	p.until(`!document.querySelector("#token-form").hidden`)
	require.Equal(t, "Locked", of[string](p, `document.querySelector("#status").textContent`))
	of[any](p, fmt.Sprintf(`(document.querySelector("#token").value = %q, document.querySelector("#token-form").requestSubmit(), 1)`, secret))
	p.until(`document.querySelector("#status").dataset.state === "live" && document.querySelector("#token-form").hidden`)
	closed := newSite(t, Config{}, "policy", policyOf(t, ""))
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Navigate(closed.url+"/")))
	p.until(`document.querySelector("#notice").textContent.includes("--http-token-file")`)
}

// TestThePageHasAPicture: of docs/monitoring.md, by `make pictures`.
func TestThePageHasAPicture(t *testing.T) {
	s := newSite(t, Config{}, "queue.messages", "200", "queue.full", "drop_new")
	s.live.every = 200 * time.Millisecond
	busy(s, "gateway")
	p := visit(t, s.url+"/")
	of[any](p, `(document.querySelector("#tail-topic").value = "weather/", document.querySelector("#tail-form").requestSubmit(), 1)`)
	p.until(`document.querySelector("#tail tr") && document.querySelector("#receivers .bad") && document.querySelector("#flow").textContent.includes("screen")`)
	for name, width := range map[string]int64{"page-wide.png": 1600, "page-narrow.png": 380} {
		p.view(width, map[bool]string{true: "dark", false: "light"}[width < 400])
		p.states(10)
		p.picture(name)
	}
	require.NotContains(t, of[string](p, "document.body.innerText"), "<")
	require.Empty(t, p.complaints())
}

// picture keeps a picture of the page for people, if HERMES_PICTURES names a directory.
func (p *tab) picture(name string) {
	p.t.Helper()
	if dir := os.Getenv("HERMES_PICTURES"); dir != "" {
		png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		require.NoError(p.t, err)
		require.NoError(p.t, os.WriteFile(filepath.Join(dir, name), png, 0o644))
	}
}

// TestThePageLoadsNothingFromElsewhere: nor has it styles or scripts that its policy forbids.
func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	entries, err := pageFiles.ReadDir("page")
	require.NoError(t, err)
	size := 0
	for _, e := range entries {
		text, err := pageFiles.ReadFile("page/" + e.Name())
		require.NoError(t, err)
		size += len(compressed(text))
		for _, bad := range []string{"https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\"", "onclick", "@import"} {
			require.NotContains(t, string(text), bad, e.Name())
		}
		for _, url := range regexp.MustCompile(`http://[^"'\s]*`).FindAllString(string(text), -1) {
			require.Equal(t, "http://www.w3.org/2000/svg", url, e.Name())
		}
	}
	require.Less(t, size, 40_000, "bytes, compressed")
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}
