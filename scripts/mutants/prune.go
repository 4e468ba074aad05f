package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// testFile is a file of tests: what it declares, and every name that stands in it.
type testFile struct {
	declares, names map[string]bool
}

// needless are the files of a package's tests that the tests of run don't need. To compile a large package's tests takes longer
// than to run a few of them. It goes by names alone, so it keeps too many files and, seldom, too few: a build that fails is
// made again with all.
func needless(folder, run string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	files := map[string]testFile{}
	for _, path := range paths {
		if files[path], err = readTestFile(path); err != nil {
			return nil, err
		}
	}
	var wanted []string
	for _, alternative := range strings.Split(run, "|") {
		name, _, _ := strings.Cut(alternative, "/")
		wanted = append(wanted, name)
	}
	top, err := regexp.Compile(strings.Join(wanted, "|"))
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	var keep func(path string)
	keep = func(path string) {
		if kept[path] {
			return
		}
		kept[path] = true
		for other, f := range files {
			if !kept[other] && slices.ContainsFunc(slices.Collect(maps.Keys(f.declares)), func(name string) bool { return files[path].names[name] }) {
				keep(other)
			}
		}
	}
	for path, f := range files {
		for name := range f.declares {
			if name == "TestMain" || name == "init" || strings.HasPrefix(name, "Test") && top.MatchString(name) {
				keep(path)
			}
		}
	}
	var rest []string
	for _, path := range paths {
		if !kept[path] {
			rest = append(rest, path)
		}
	}
	return rest, nil
}

func readTestFile(path string) (testFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return testFile{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return testFile{}, err
	}
	f := testFile{declares: map[string]bool{}, names: map[string]bool{}}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			f.names[id.Name] = true
		}
		return true
	})
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl: // methods too
			f.declares[d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					f.declares[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						f.declares[name.Name] = true
					}
				}
			}
		}
	}
	return f, nil
}
