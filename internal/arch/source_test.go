package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines bounds a Go file that people write; 400 is the measure to aim at.
const maxLines = 600

// allowance lets files hold what a rule forbids elsewhere. Its path is a file or, ending in a slash, a folder.
type allowance struct{ path, reason string }

// Floating point loses paise, so nothing near money may hold it. What may, measures.
var mayFloat = []allowance{
	{"internal/bench/", "rates and percentiles of a measurement; no money"},
	{"internal/api/metrics.go", "Prometheus values are floats; no money"},
	{"internal/instance/metrics.go", "Prometheus values are floats; no money"},
	{"internal/instance/metrics_endpoint.go", "Prometheus values are floats; no money"},
	{"internal/instance/oracle.go", "Prometheus values are floats; no money"},
	{"internal/instance/metrics_withdrawal.go", "Prometheus values are floats; no money"},
	{"cmd/galla/cmd_bench.go", "prints the rates and percentiles of a measurement"},
	{"cmd/galla/cmd_bench_grow.go", "prints the ratios of a measurement"},
	{"cmd/galla/cmd_bench_served.go", "prints the ratios of a measurement"},
	{"scripts/", "seconds that go test reports"},
}

// Time enters the product as a function, so that tests can move it. Only where a program begins is there a real clock.
var mayReadClock = []allowance{
	{"cmd/", "the program's start: here the real clock is handed down"},
	{"docs/examples/", "programs of merchants"},
	{"internal/bench/", "measures real time"},
	{"internal/sender/sender.go", "takes the real clock where its owner names none"},
	{"internal/testkit/", "waits for a real server"},
	{"receive.go", "takes the real clock where its caller names none"},
	{"test/", "waits for the real binary"},
	{"scripts/", "reports how long tests run"},
}

// A test that skips itself hides. testkit skips what the machine lacks, and fails instead when it is required.
var maySkip = []allowance{
	{"internal/testkit/", "holds the one rule for what is missing"},
	{"scripts/testrun/", "tests that a skip is seen"},
}

// Money changes in one place. Others read, or ask gateway.
var mayWrite = []allowance{
	{"internal/gateway/", "every write is one of its verbs"},
	{"internal/store/", "holds the transaction"},
	{"internal/bench/", "measures the store's raw limit beside the gateway"},
}

// Words that say nothing about what is inside.
var emptyNames = []string{"common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"}

// unfinished marks work that somebody meant to come back to. Open work is an issue, not a comment.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

// texts are the endings of files that people write; programs in scripts have none.
var texts = []string{"", ".bash", ".css", ".go", ".html", ".js", ".md", ".sh", ".sql", ".txtar", ".yaml", ".yml"}

func TestSourceFiles(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".cache", "bin", "data", "dist", "testdata"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !slices.Contains(texts, filepath.Ext(name)) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, finding := range inspect(filepath.ToSlash(name), content) {
			t.Error(finding)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("no source file was found")
	}
}

func TestInspectFindsWhatIsForbidden(t *testing.T) {
	const imports = "import (\n\"strconv\"\n\"time\"\n\"" + module + "/internal/store\"\n)\n"
	for _, c := range []struct{ name, path, source, want string }{
		{"float type", "money/money.go", "package money\nvar x float64", "money/money.go:2: float64"},
		{"small float type", "money/money.go", "package money\nfunc f(x []float32) {}", "money/money.go:2: float32"},
		{"float literal", "money/money.go", "package money\nvar x = 1.5", "money/money.go:2: 1.5"},
		{"parsed float", "money/money.go", "package money\n" + imports + "var x, _ = strconv.ParseFloat(``, 64)", "ParseFloat"},
		{"float in a test", "money/money_test.go", "package money\nvar x float64", ""},
		{"float that measures", "internal/bench/rate.go", "package bench\nvar x float64", ""},
		{"float in words", "money/money.go", "package money\n// A float64 can't hold it.\nvar x = \"float64\"", ""},
		{"clock read", "internal/lane/loop.go", "package lane\n" + imports + "var x = time.Now()", "time.Now"},
		{"clock handed on", "internal/lane/loop.go", "package lane\n" + imports + "var now = time.Now", "time.Now"},
		{"clock read by another name", "internal/lane/loop.go", "package lane\n" + imports + "var x = time.Since(start)", "time.Since"},
		{"clock at the start", "cmd/galla/serve.go", "package main\n" + imports + "var now = time.Now", ""},
		{"clock in a test", "internal/lane/loop_test.go", "package lane\n" + imports + "var x = time.Now()", ""},
		{"skip", "internal/lane/loop_test.go", "package lane\nfunc TestX(t *testing.T) { t.Skip(`later`) }", "Skip"},
		{"skip by format", "internal/lane/loop_test.go", "package lane\nfunc TestX(t *testing.T) { t.Skipf(`later`) }", "Skipf"},
		{"skip now", "internal/lane/loop_test.go", "package lane\nfunc TestX(t *testing.T) { t.SkipNow() }", "SkipNow"},
		{"skip unless required", "a_test.go", "package galla\nfunc TestX(t *testing.T) { if os.Getenv(\"REQUIRE_PHP\") == \"\" { t.Skip(`no php`) } }", ""},
		{"a decoder's skip", "internal/evidence/read.go", "package evidence\nfunc f() { d.Skip() }", ""},
		{"write in an edge", "internal/console/page.go", "package console\n" + imports + "func f() { s.Write(ctx, verb) }", "write transaction"},
		{"answer written in an edge", "internal/console/page.go", "package console\n" + imports + "func f() { w.Write(body) }", ""},
		{"write in gateway", "internal/gateway/verb.go", "package gateway\n" + imports + "func f() { s.Write(ctx, verb) }", ""},
		{"empty package name", "internal/x/x.go", "package utils", "package utils"},
		{"empty file name", "internal/x/helpers.go", "package x", "helpers.go"},
		{"long file", "internal/x/x.go", "package x\n" + strings.Repeat("// line\n", maxLines), "601 lines"},
		{"long generated file", "internal/x/x.go", "// Code generated by sqlc. DO NOT EDIT.\npackage x\n" + strings.Repeat("// line\n", maxLines), ""},
		{"open work", "internal/x/x.go", "package x\n// TO" + "DO: later", "internal/x/x.go:2: TO" + "DO"},
		{"open work in SQL", "internal/store/queries/a.sql", "-- FIX" + "ME", "a.sql:1: FIX" + "ME"},
		{"not Go", "internal/x/x.go", "pakcage x", "expected 'package'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(inspect(c.path, []byte(c.source)), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("findings are %q, want %q in them", got, c.want)
			}
		})
	}
}

// inspect returns what a file holds against the rules, each finding with its place. The path is relative to the module's
// root, with slashes.
func inspect(path string, content []byte) []string {
	var findings []string
	for i, line := range bytes.Split(content, []byte("\n")) {
		if word := unfinished.Find(line); word != nil {
			findings = append(findings, fmt.Sprintf("%s:%d: %s: finish it, or open an issue", path, i+1, word))
		}
	}
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".go"), "_test")
	if slices.Contains(emptyNames, base) {
		findings = append(findings, path+": name the file after what is in it")
	}
	if filepath.Ext(path) == ".go" {
		findings = append(findings, inspectGo(path, content)...)
	}
	return findings
}

// inspectGo returns what a Go file holds against the rules.
func inspectGo(path string, content []byte) []string {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.ParseComments)
	if err != nil {
		return []string{err.Error()}
	}
	var findings []string
	if slices.Contains(emptyNames, file.Name.Name) {
		findings = append(findings, fmt.Sprintf("%s: package %s: name it after what it does", path, file.Name.Name))
	}
	if lines := bytes.Count(content, []byte("\n")); lines > maxLines && !ast.IsGenerated(file) {
		findings = append(findings, fmt.Sprintf("%s: %d lines, at most %d: split it where its subject changes", path, lines, maxLines))
	}
	test := strings.HasSuffix(path, "_test.go")
	usesStore := slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool {
		return s.Path.Value == `"`+module+`/internal/store"`
	})
	ast.Inspect(file, func(node ast.Node) bool {
		if node == nil || test && asksRequirement(node) {
			return false
		}
		var what, rule string
		if test {
			what, rule = inTest(node)
		} else {
			what, rule = inProduct(node, usesStore)
		}
		if what != "" && !allows(path, rule) {
			findings = append(findings, fmt.Sprintf("%s:%d: %s: %s", path, files.Position(node.Pos()).Line, what, rule))
		}
		return true
	})
	return findings
}

// The rules, as they are told to whoever breaks one.
const (
	noFloat = "money and all near it is exact: use integers or package money"
	noClock = "time is handed in as Now func() time.Time"
	noSkip  = "a test that skips fails when it is required: use testkit.Program, or ask a REQUIRE_ variable"
	noWrite = "only gateway opens a write transaction"
)

// allowances of each rule.
var allowances = map[string][]allowance{noFloat: mayFloat, noClock: mayReadClock, noSkip: maySkip, noWrite: mayWrite}

// inTest names what a node of a test breaks.
func inTest(node ast.Node) (what, rule string) {
	if call, ok := node.(*ast.CallExpr); ok {
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
			return selector.Sel.Name, noSkip
		}
	}
	return "", ""
}

// asksRequirement tells whether a node is a function that skips by the rule itself: it names a REQUIRE_ variable.
func asksRequirement(node ast.Node) bool {
	function, ok := node.(*ast.FuncDecl)
	if !ok {
		return false
	}
	asks := false
	ast.Inspect(function, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		asks = asks || ok && strings.HasPrefix(literal.Value, `"REQUIRE_`)
		return !asks
	})
	return asks
}

// inProduct names what a node outside the tests breaks.
func inProduct(node ast.Node, usesStore bool) (what, rule string) {
	switch node := node.(type) {
	case *ast.Ident:
		if slices.Contains([]string{"float32", "float64", "ParseFloat"}, node.Name) {
			return node.Name, noFloat
		}
	case *ast.BasicLit:
		if node.Kind == token.FLOAT {
			return node.Value, noFloat
		}
	case *ast.SelectorExpr:
		from, ok := node.X.(*ast.Ident)
		if ok && from.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, node.Sel.Name) {
			return "time." + node.Sel.Name, noClock
		}
	case *ast.CallExpr:
		// store.Write takes a context and a function; an io.Writer's Write takes one argument.
		selector, ok := node.Fun.(*ast.SelectorExpr)
		if ok && usesStore && selector.Sel.Name == "Write" && len(node.Args) == 2 {
			return "write transaction", noWrite
		}
	}
	return "", ""
}

// allows tells whether a file is exempt from a rule.
func allows(path, rule string) bool {
	return slices.ContainsFunc(allowances[rule], func(a allowance) bool {
		return path == a.path || strings.HasSuffix(a.path, "/") && strings.HasPrefix(path, a.path)
	})
}
