package docs

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/galla-gateway/galla/test/process"
)

var update = flag.Bool("update", false, "copy docs/examples into docs/protocol.md")

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

const root = "../.."

// page is one document.
type page struct {
	path string // below root, with slashes
	text string
}

// pages are all documents of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var list []page
	for _, folder := range []string{".", "docs", "docs/decisions"} {
		names, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			list = append(list, readPage(t, filepath.ToSlash(filepath.Join(folder, filepath.Base(name)))))
		}
	}
	if len(list) < 10 {
		t.Fatalf("only %d documents were found", len(list))
	}
	return list
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	return page{path, readFile(t, path)}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the part of a page below a heading, up to the next one of its level. The heading is written with its marks.
func (p page) section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(p.text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", p.path, heading)
	}
	marks, _, _ := strings.Cut(heading, " ")
	text, _, _ := strings.Cut(rest, "\n"+marks+" ")
	return text
}

var (
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	codeBlock = regexp.MustCompile("(?s)\n```[a-z]*\n(.*?)\n```")
)

// code is everything on the page that is set as code, a span or a line each.
func (p page) code() []string {
	var list []string
	for _, block := range codeBlock.FindAllStringSubmatch(p.text, -1) {
		list = append(list, strings.Split(block[1], "\n")...)
	}
	for _, span := range codeSpan.FindAllStringSubmatch(codeBlock.ReplaceAllString(p.text, ""), -1) {
		list = append(list, span[1])
	}
	return list
}

// spansOf are the code spans of a text, each once.
func spansOf(text string) []string {
	var list []string
	for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(list, span[1]) {
			list = append(list, span[1])
		}
	}
	return list
}

// firstCells are the code spans in the first column of every table of a text.
func firstCells(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if rest, isRow := strings.CutPrefix(line, "| "); isRow {
			cell, _, _ := strings.Cut(rest, " |")
			list = append(list, spansOf(cell)...)
		}
	}
	return list
}

// same compares what the documents list with what the code has.
func same(t *testing.T, what string, documented, inCode []string) {
	t.Helper()
	for _, name := range documented {
		if !slices.Contains(inCode, name) {
			t.Errorf("%s: the documents name %q, the code doesn't", what, name)
		}
	}
	for _, name := range inCode {
		if !slices.Contains(documented, name) {
			t.Errorf("%s: %q isn't documented", what, name)
		}
	}
	if len(inCode) == 0 {
		t.Errorf("%s: nothing was found in the code", what)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinks(t *testing.T) {
	for _, p := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(codeBlock.ReplaceAllString(p.text, ""), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := p.path
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(p.path), target))
			}
			info, err := os.Stat(filepath.Join(root, path))
			switch {
			case err != nil:
				t.Errorf("%s links to %s: %v", p.path, found[1], err)
			case anchor != "" && (info.IsDir() || !slices.Contains(anchors(readFile(t, path)), anchor)):
				t.Errorf("%s links to %s: there is no such heading", p.path, found[1])
			}
		}
	}
}

// anchors are the names that headings get.
func anchors(text string) []string {
	var list []string
	for line := range strings.Lines(codeBlock.ReplaceAllString(text, "")) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return r
			}
			return -1
		}, heading))
	}
	return list
}

// shown is a place in the merchant's page where an example stands: a comment that names the file, and its text.
var shown = regexp.MustCompile("<!-- (examples/\\S+) -->\n(?:\n(?:\\[\\S+\n\n)?```[a-z]*\n(?s:.*?)\n```\n)?")

// languageOf is how a code block says what it holds.
var languageOf = map[string]string{".sh": "sh", ".php": "php", ".mjs": "js", ".py": "python", ".go": "go"}

func TestExamplesAreTheTestedFiles(t *testing.T) {
	p := readPage(t, "docs/protocol.md")
	var named []string
	fresh := shown.ReplaceAllStringFunc(p.text, func(place string) string {
		name := shown.FindStringSubmatch(place)[1]
		named = append(named, "docs/"+name)
		return "<!-- " + name + " -->\n\n[" + strings.TrimPrefix(name, "examples/") + "](" + name + "):\n\n```" + languageOf[filepath.Ext(name)] + "\n" + readFile(t, "docs/"+name) + "```\n"
	})
	var files []string
	err := filepath.WalkDir(filepath.Join(root, "docs", "examples"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "__pycache__" { // left behind by who runs the examples of Python
			return fs.SkipDir
		}
		if err == nil && entry.Type().IsRegular() {
			name, _ := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "examples", named, files)
	if fresh == p.text {
		return
	}
	if !*update {
		t.Fatal("docs/protocol.md doesn't show the files of docs/examples: run go test ./test/docs -update")
	}
	if err := os.WriteFile(filepath.Join(root, p.path), []byte(fresh), 0o644); err != nil {
		t.Fatal(err)
	}
}
