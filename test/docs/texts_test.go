package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/method"
)

// blank stands in the documents for what depends on the request.
const blank = "…"

var verb = regexp.MustCompile(`%[a-z]`)

// goFiles are the parsed files of a folder, or one file, without tests.
func goFiles(t *testing.T, paths ...string) []*ast.File {
	t.Helper()
	var files []*ast.File
	for _, path := range paths {
		names := []string{filepath.Join(root, path)}
		if filepath.Ext(path) != ".go" {
			var err error
			if names, err = filepath.Glob(filepath.Join(root, path, "*.go")); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// textOf is the text of an expression of literals; what isn't one is a blank. ok: it has a literal at all.
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return verb.ReplaceAllString(text, blank), true
		}
	case *ast.BinaryExpr:
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		return left + right, isLeft || isRight
	case *ast.CallExpr: // fmt.Sprintf
		if len(e.Args) > 0 {
			return textOf(e.Args[0])
		}
	}
	return blank, false
}

// texts collects what the given functions, types and constants tell callers.
type texts struct{ list []string }

func (x *texts) add(text string) {
	if !slices.Contains(x.list, text) {
		x.list = append(x.list, text)
	}
}

// calls adds the format of each call of a function: its last argument that is a text. A function of fields has the
// field's name before it.
func (x *texts) calls(files []*ast.File, function string, argument int, ofField bool) {
	each(files, func(node ast.Node) {
		call, isCall := node.(*ast.CallExpr)
		if !isCall || len(call.Args) <= argument {
			return
		}
		if name, isName := call.Fun.(*ast.Ident); !isName || name.Name != function {
			return
		}
		text, ok := textOf(call.Args[argument])
		if !ok {
			return
		}
		if ofField {
			field, _ := textOf(call.Args[0])
			text = field + " " + text
		}
		x.add(text)
	})
}

// literals adds the second member of each literal of a struct: its message.
func (x *texts) literals(files []*ast.File, name string) {
	each(files, func(node ast.Node) {
		literal, isLiteral := node.(*ast.CompositeLit)
		if !isLiteral || len(literal.Elts) != 2 {
			return
		}
		if of, isName := literal.Type.(*ast.Ident); isName && of.Name == name {
			if text, ok := textOf(literal.Elts[1]); ok {
				x.add(text)
			}
		}
	})
}

// constants adds the constants whose names start so.
func (x *texts) constants(files []*ast.File, prefix string) {
	each(files, func(node ast.Node) {
		spec, isSpec := node.(*ast.ValueSpec)
		if !isSpec || len(spec.Values) != len(spec.Names) {
			return
		}
		for i, name := range spec.Names {
			if text, ok := textOf(spec.Values[i]); ok && strings.HasPrefix(name.Name, prefix) {
				x.add(text)
			}
		}
	})
}

func each(files []*ast.File, look func(ast.Node)) {
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			look(node)
			return true
		})
	}
}

// hints are the texts for numbers of the wrong shape, from numbers that have it.
func (x *texts) hints(t *testing.T) {
	phonePe, ok := method.Lookup("phone_pe")
	if !ok {
		t.Fatal("there is no phone_pe")
	}
	codes := map[method.HintCode]bool{}
	for _, number := range []string{
		"", "123", "1234567890123", "12345678901A", "1234/5678", "T2308251812461234567", strings.Repeat("A1", 17) + "A",
		"HDFC230825123456", "HDFCR52023112612345678",
	} {
		_, hint := phonePe.Reference(number)
		codes[hint.Code] = true
		x.add(regexp.MustCompile(`12 digits|\b\d+\b`).ReplaceAllString(hint.Message, blank))
	}
	var inCode int
	each(goFiles(t, "internal/method"), func(node ast.Node) {
		if spec, isSpec := node.(*ast.ValueSpec); isSpec && strings.HasPrefix(spec.Names[0].Name, "Hint") {
			inCode++
		}
	})
	if len(codes) != inCode-1 { // HintNone
		t.Errorf("%d kinds of hints were asked for, the code has %d", len(codes), inCode-1)
	}
}

// fits tells whether a documented text is the one of the code: a blank in the documents stands for anything.
func fits(documented, inCode string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(documented), blank, ".+")
	return regexp.MustCompile("^" + pattern + "$").MatchString(inCode)
}

func compare(t *testing.T, documented, inCode []string) {
	t.Helper()
	for _, text := range documented {
		if !slices.ContainsFunc(inCode, func(known string) bool { return fits(text, known) }) {
			t.Errorf("the documents have a text that the code doesn't: %s", text)
		}
	}
	for _, text := range inCode {
		if !slices.ContainsFunc(documented, func(known string) bool { return fits(known, text) }) {
			t.Errorf("a text of the code isn't documented: %s", text)
		}
	}
	if len(inCode) < 10 {
		t.Errorf("only %d texts were found in the code", len(inCode))
	}
}

func TestFailTexts(t *testing.T) {
	var x texts
	wire := goFiles(t, "deposit.go", "json.go", "jsonstring.go")
	x.calls(wire, "fieldError", 1, true)
	x.calls(wire, "bodyError", 0, false)
	api := goFiles(t, "internal/api")
	x.calls(api, "requestError", 1, false)
	x.constants(api, "message")
	x.constants(goFiles(t, "answer.go", "internal/gateway", "internal/web"), "Message")
	x.calls(goFiles(t, "internal/gateway/offer.go"), "refuse", 1, false)
	x.hints(t)
	// Never sent: the edge answers 413 before the decoder, which the client uses too, says the first; nobody says the other.
	unsent := []string{"The body is larger than " + blank + " bytes.", "Too busy. Repeat the request with the same id"}
	x.list = slices.DeleteFunc(x.list, func(text string) bool { return slices.Contains(unsent, text) })
	page := readPage(t, "docs/protocol.md")
	// Two messages of the answers are fixed by the protocol and stand where the answers do.
	documented := firstCells(page.section(t, "## What `fail` says"))
	for _, fixed := range []string{"The deposit status check has been started.", "Transaction not found. Possible transaction created"} {
		i := slices.IndexFunc(x.list, func(text string) bool { return strings.HasPrefix(text, fixed) })
		if i < 0 || !strings.Contains(page.text, `"message":"`+x.list[i]+`"`) {
			t.Errorf("docs/protocol.md shows no answer with %q", fixed)
			continue
		}
		x.list = slices.Delete(x.list, i, i+1)
	}
	compare(t, documented, x.list)
}

func TestEvidenceTexts(t *testing.T) {
	var x texts
	x.literals(goFiles(t, "internal/evidence"), "DecodeError")
	x.literals(goFiles(t, "internal/api/caller.go", "internal/api/evidence.go"), "denial")
	section := readPage(t, "docs/evidence.md").section(t, "## Answers")
	var documented []string
	for _, text := range firstCells(section) {
		if strings.Contains(text, " ") {
			documented = append(documented, text)
		}
	}
	compare(t, documented, x.list)
}
