package httpd

import (
	"bytes"
	"compress/gzip"
	"embed"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pages serves the files of the page, compressed where the browser takes that.
func pages() http.HandlerFunc {
	plain, zipped := map[string][]byte{}, map[string][]byte{}
	entries, err := pageFiles.ReadDir("page")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		text, err := pageFiles.ReadFile("page/" + e.Name())
		if err != nil {
			panic(err) // it is embedded
		}
		name := "/" + e.Name()
		if name == "/index.html" {
			name = "/"
		}
		plain[name], zipped[name] = text, compressed(text)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := plain[r.URL.Path]
		if !ok {
			fail(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; there are /, /metrics, /livez, /readyz, /v1/stats, /v1/live, /v1/subscribe?topic= and "+publishPath+"TOPIC")
			return
		}
		h := w.Header()
		h.Set("Content-Type", typeOf(r.URL.Path))
		h.Set("Cache-Control", "no-cache")
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			text = zipped[r.URL.Path]
		}
		h.Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}
}

// typeOf is the content type of a file of the page, whatever the system knows of types.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case "":
		return "text/html; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func compressed(text []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Bytes()
}
