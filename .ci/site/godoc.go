//go:build ignore

// Godoc prints the documentation of a package of this module as Markdown: what `go doc -all`
// shows, with a heading for each type and function.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: godoc FOLDER")
	}
	if err := show(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func show(folder string) error {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(filepath.Base(name), "example") {
			continue
		}
		parsed = append(parsed, file)
	}
	p, err := doc.NewFromFiles(files, parsed, "github.com/hermes-zmq/hermes/"+folder)
	if err != nil {
		return err
	}
	page{p, files}.print()
	return nil
}

type page struct {
	*doc.Package
	files *token.FileSet
}

func (p page) print() {
	fmt.Printf("# Go\n\n```go\nimport %q\n```\n\n", p.ImportPath)
	p.text(p.Doc)
	for _, v := range append(p.Consts, p.Vars...) {
		p.value(v)
	}
	for _, f := range p.Funcs {
		p.function("##", f)
	}
	for _, t := range p.Types {
		fmt.Printf("## %s\n\n", t.Name)
		p.code(t.Decl)
		p.text(t.Doc)
		p.examples(t.Examples)
		for _, v := range append(t.Consts, t.Vars...) {
			p.value(v)
		}
		for _, f := range append(t.Funcs, t.Methods...) {
			p.function("###", f)
		}
	}
}

func (p page) value(v *doc.Value) {
	p.code(v.Decl)
	p.text(v.Doc)
}

func (p page) function(heading string, f *doc.Func) {
	name := f.Name
	if f.Recv != "" {
		name = strings.TrimPrefix(f.Recv, "*") + "." + name
	}
	fmt.Printf("%s %s\n\n", heading, name)
	p.code(f.Decl)
	p.text(f.Doc)
	p.examples(f.Examples)
}

func (p page) examples(all []*doc.Example) {
	for _, e := range all {
		fmt.Println("Example:")
		fmt.Println()
		if e.Play != nil {
			p.code(e.Play)
		} else {
			p.code(e.Code)
		}
	}
}

// code prints a piece of source without its comments, which are printed as text.
func (p page) code(node ast.Node) {
	if f, ok := node.(*ast.FuncDecl); ok {
		f.Body, f.Doc = nil, nil
	}
	if d, ok := node.(*ast.GenDecl); ok {
		d.Doc = nil
	}
	var out bytes.Buffer
	if err := format.Node(&out, p.files, node); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("```go\n%s\n```\n\n", strings.TrimSpace(out.String()))
}

func (p page) text(doc string) {
	pr := p.Printer()
	pr.HeadingLevel = 4
	pr.DocLinkBaseURL = "https://pkg.go.dev"
	fmt.Printf("%s\n", pr.Markdown(p.Parser().Parse(doc)))
}
