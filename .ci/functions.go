// Functions reads paths of Go files, one a line, and prints the length of each function in
// them: "file:line name lines", one a line.
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
)

func main() {
	files := token.NewFileSet()
	for paths := bufio.NewScanner(os.Stdin); paths.Scan(); {
		path := paths.Text()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				begin := files.Position(fn.Pos()).Line
				fmt.Printf("%s:%d %s %d\n", path, begin, fn.Name.Name, files.Position(fn.End()).Line-begin+1)
			}
		}
	}
}
