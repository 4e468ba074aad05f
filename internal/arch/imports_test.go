// Package arch keeps the shape of the program: who may import whom, and what no source file may hold. It consists of
// tests only.
package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/galla-gateway/galla"

// picture says who may import whom inside the module; imports point down the page. A line reads
//
//	layer: its packages -> the layers it may import
//
// A package whose name ends in /... stands for itself and all below it. Tests of a package may import every layer below
// its own line, and testkit. A package that isn't here fails the test: decide where it belongs and write it down.
const picture = `
test:    test/... -> test cmd simulator torture proof oracle demo instance bench sim console edge web lane teller gateway sender rail store rule fact keyring config galla money testkit
tools:   scripts/... internal/arch -> proof fact testkit
example: docs/examples/go/... -> galla money
cmd:     cmd/galla/... -> simulator torture proof oracle demo instance bench sim console edge web lane teller gateway sender rail store rule fact keyring config galla money
simulator: internal/simulator -> oracle sim teller gateway sender rail store rule fact keyring galla money
torture: internal/torture/... -> torture oracle proof sim gateway store fact keyring galla money
demo:    internal/demo -> instance sim edge web lane teller gateway oracle sender rail store rule fact keyring galla money
instance: internal/instance -> oracle edge web lane teller gateway sender rail store rule fact keyring galla money
bench:   internal/bench -> proof oracle sim edge web lane teller gateway sender rail store rule fact keyring galla money
console: internal/console -> web gateway store rule fact galla money
edge:    internal/api internal/window -> web gateway rule fact keyring galla money
web:     internal/web -> gateway rule fact keyring galla money
lane:    internal/lane -> gateway sender rule fact galla money
teller:  internal/teller -> gateway rail rule fact galla money
sim:     internal/sim -> gateway rule fact galla money
gateway: internal/gateway -> oracle store rule fact keyring galla money
sender:  internal/sender -> galla
oracle:  internal/oracle ->
proof:   internal/proof ->
rail:    internal/rail/... -> rail fact galla money
store:   internal/store -> rule fact keyring galla money
rule:    internal/deposit internal/ledger internal/postback internal/withdrawal -> fact galla money
fact:    internal/evidence internal/evidence/bank internal/evidence/statement internal/ifsc internal/logo internal/merchant internal/method internal/payout/... internal/wallet -> fact galla money
keyring: internal/keyring ->
config:  internal/config -> galla
galla:   . -> money
money:   money ->
testkit: internal/testkit internal/testkit/cluster internal/testkit/mutant -> testkit
`

// pure are the layers of values and rules. They do no I/O, so they import none of the impure packages. (net/http is not
// among these: its headers and status codes are values.)
var (
	pure   = []string{"rule", "fact", "money"}
	impure = []string{
		"context", "crypto/rand", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "os/exec",
	}
)

// layer is one line of the picture.
type layer struct {
	name     string
	packages []string
	may      []string // names of layers
	line     string   // as drawn
	depth    int      // 0 is the top
}

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestImportsFollowThePicture(t *testing.T) {
	layers, err := parse(picture)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := list()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		for _, offence := range offences(layers, p) {
			t.Error(offence)
		}
	}
}

func TestPictureCatchesWhatItForbids(t *testing.T) {
	layers, err := parse(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		p    goPackage
		want string // "" when it is allowed
	}{
		{"down", goPackage{ImportPath: module + "/internal/deposit", Imports: []string{module + "/internal/evidence", "time"}}, ""},
		{"up", goPackage{ImportPath: module + "/internal/deposit", Imports: []string{module + "/internal/store"}}, "may not import internal/store"},
		{"beside", goPackage{ImportPath: module + "/internal/deposit", Imports: []string{module + "/internal/ledger"}}, "may not import internal/ledger"},
		{"edge to store", goPackage{ImportPath: module + "/internal/api", Imports: []string{module + "/internal/store"}}, "may not import internal/store"},
		{"console to store", goPackage{ImportPath: module + "/internal/console", Imports: []string{module + "/internal/store"}}, ""},
		{"root", goPackage{ImportPath: module, Imports: []string{module + "/internal/method"}}, "may not import internal/method"},
		{"new package", goPackage{ImportPath: module + "/internal/extra"}, "isn't in the picture"},
		{"import of a new package", goPackage{ImportPath: module + "/internal/api", Imports: []string{module + "/internal/extra"}}, "isn't in the picture"},
		{"below a package with dots", goPackage{ImportPath: module + "/cmd/galla/demo", Imports: []string{module + "/internal/config"}}, ""},
		{"testkit in the product", goPackage{ImportPath: module + "/internal/store", Imports: []string{module + "/internal/testkit"}}, "may not import internal/testkit"},
		{"testkit in a test", goPackage{ImportPath: module + "/internal/store", TestImports: []string{module + "/internal/testkit"}}, ""},
		{"test of the package itself", goPackage{ImportPath: module + "/internal/store", XTestImports: []string{module + "/internal/store"}}, ""},
		{"test down", goPackage{ImportPath: module + "/internal/api", XTestImports: []string{module + "/internal/store"}}, ""},
		{"test up", goPackage{ImportPath: module + "/internal/store", XTestImports: []string{module + "/internal/gateway"}}, "may not import internal/gateway"},
		{"rule with I/O", goPackage{ImportPath: module + "/internal/deposit", Imports: []string{"database/sql"}}, "is pure and may not import database/sql"},
		{"store with I/O", goPackage{ImportPath: module + "/internal/store", Imports: []string{"database/sql"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(offences(layers, c.p), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("offences are %q, want %q in them", got, c.want)
			}
		})
	}
}

func TestPictureThatIsDrawnWrong(t *testing.T) {
	for drawing, want := range map[string]string{
		"a: internal/a -> b":                    `no layer "b"`,
		"a: internal/a ->\nb: internal/b -> a":  "points up",
		"a: internal/a ->\na: internal/b ->":    "twice",
		"a: internal/a ->\nb: internal/a ->":    "twice",
		"a internal/a":                          "doesn't read",
		"a: internal/a -> a b\nb: internal/b->": "",
	} {
		_, err := parse(drawing)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q: error is %v, want %q in it", drawing, err, want)
		}
	}
}

// parse reads a picture and checks that its arrows point down or into the layer itself.
func parse(drawing string) ([]layer, error) {
	var layers []layer
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(drawing)) {
		line = strings.TrimSpace(line)
		name, rest, named := strings.Cut(line, ":")
		packages, may, arrow := strings.Cut(rest, "->")
		if !named || !arrow {
			return nil, fmt.Errorf("line %q doesn't read \"layer: packages -> layers\"", line)
		}
		l := layer{name: name, packages: strings.Fields(packages), may: strings.Fields(may), line: line, depth: len(layers)}
		for _, drawn := range append([]string{name + ":"}, l.packages...) {
			if seen[drawn] {
				return nil, fmt.Errorf("line %q: %s is drawn twice", line, drawn)
			}
			seen[drawn] = true
		}
		layers = append(layers, l)
	}
	for _, l := range layers {
		for _, name := range l.may {
			i := slices.IndexFunc(layers, func(other layer) bool { return other.name == name })
			if i < 0 {
				return nil, fmt.Errorf("line %q: there is no layer %q", l.line, name)
			}
			if i < l.depth {
				return nil, fmt.Errorf("line %q: the arrow to %s points up", l.line, name)
			}
		}
	}
	return layers, nil
}

// offences names each import of the package that the picture doesn't allow, with the picture's line.
func offences(layers []layer, p goPackage) []string {
	name := short(p.ImportPath)
	own, drawn := find(layers, name)
	if !drawn {
		return []string{name + " isn't in the picture of internal/arch: give it a place there"}
	}
	var found []string
	for _, imported := range p.Imports {
		if slices.Contains(pure, own.name) && slices.Contains(impure, imported) {
			found = append(found, fmt.Sprintf("%s is pure and may not import %s (layers without I/O: %v)", name, imported, pure))
		}
	}
	check := func(imports []string, who string, allowed func(layer) bool) {
		for _, imported := range imports {
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			target, drawn := find(layers, short(imported))
			switch {
			case !drawn:
				found = append(found, fmt.Sprintf("%s imports %s, which isn't in the picture of internal/arch", name, short(imported)))
			case !allowed(target):
				found = append(found, fmt.Sprintf("%s%s may not import %s; the picture says\n\t%s", who, name, short(imported), own.line))
			}
		}
	}
	check(p.Imports, "", func(target layer) bool { return slices.Contains(own.may, target.name) })
	check(slices.Concat(p.TestImports, p.XTestImports), "tests of ", func(target layer) bool {
		return target.depth >= own.depth
	})
	return found
}

// find returns the layer of a package.
func find(layers []layer, name string) (layer, bool) {
	for _, l := range layers {
		for _, drawn := range l.packages {
			tree, isTree := strings.CutSuffix(drawn, "/...")
			if name == drawn || isTree && (name == tree || strings.HasPrefix(name, tree+"/")) {
				return l, true
			}
		}
	}
	return layer{}, false
}

// short is a package's path inside the module, "." for its root.
func short(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// list asks the go command for all packages of the module.
func list() ([]goPackage, error) {
	command := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	command.Dir = path.Join("..", "..")
	output, err := command.Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return nil, fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}
