package docs

import (
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/config"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// wordsOf are the values of a string type's constants.
func wordsOf(t *testing.T, folder, typeName string) []string {
	t.Helper()
	var list []string
	each(goFiles(t, folder), func(node ast.Node) {
		spec, isSpec := node.(*ast.ValueSpec)
		if !isSpec || spec.Type == nil {
			return
		}
		if name, isName := spec.Type.(*ast.Ident); !isName || name.Name != typeName {
			return
		}
		for _, value := range spec.Values {
			if literal, isLiteral := value.(*ast.BasicLit); isLiteral {
				if word, err := strconv.Unquote(literal.Value); err == nil && word != "" {
					list = append(list, word)
				}
			}
		}
	})
	return list
}

func TestStatuses(t *testing.T) {
	protocol, evidencePage := readPage(t, "docs/protocol.md"), readPage(t, "docs/evidence.md")
	same(t, "status", firstCells(strings.Split(protocol.section(t, "## Requests and answers"), "HTTP codes")[0]), append(wordsOf(t, ".", "Status"), "status"))
	answers, _, _ := strings.Cut(evidencePage.section(t, "## Answers"), "An item of the wrong form")
	same(t, "status of evidence", firstCells(answers), append(wordsOf(t, "internal/gateway", "EvidenceStatus"), "status"))
	same(t, "kind of source", firstCells(evidencePage.section(t, "## Sources")), wordsOf(t, "internal/evidence", "SourceKind"))
}

func TestEvents(t *testing.T) {
	section := readPage(t, "docs/protocol.md").section(t, "## Events: what you missed")
	_, types, _ := strings.Cut(section, "| type | |")
	types, _, _ = strings.Cut(types, "Leave alone")
	same(t, "type of event", firstCells(types), wordsOf(t, ".", "EventType"))
	for _, mode := range wordsOf(t, ".", "Mode") {
		if !strings.Contains(section, "`"+mode+"`") {
			t.Errorf("the mode %s isn't documented", mode)
		}
	}
	_, problems, _ := strings.Cut(section, "| code | HTTP |")
	var codes texts
	codes.constants(goFiles(t, "internal/api/v3.go"), "code")
	same(t, "code of a problem", firstCells(problems), codes.list)
	described, err := openapi3.NewLoader().LoadFromData([]byte(readFile(t, "internal/api/openapi.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	var enum []string
	for _, code := range described.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum {
		enum = append(enum, code.(string))
	}
	same(t, "code in openapi.yaml", enum, codes.list)
}

func TestReasons(t *testing.T) {
	matching, evidencePage := readPage(t, "docs/matching.md"), readPage(t, "docs/evidence.md")
	rules := matching.section(t, "## The rules")
	var documented []string
	known := wordsOf(t, "internal/deposit", "Reason")
	for _, span := range spansOf(rules) {
		if slices.Contains(known, span) || strings.Contains(span, "_") {
			documented = append(documented, span)
		}
	}
	settings := slices.Collect(maps.Keys(merchant.SettingNames()))
	documented = slices.DeleteFunc(documented, func(span string) bool { return slices.Contains(settings, span) })
	same(t, "reason of a verdict", documented, known)
	same(t, "reason of evidence", firstCells(evidencePage.section(t, "## Reasons")), wordsOf(t, "internal/evidence", "Reason"))
}

func TestStates(t *testing.T) {
	matching, evidencePage := readPage(t, "docs/matching.md"), readPage(t, "docs/evidence.md")
	claims, _, _ := strings.Cut(matching.section(t, "## Claims"), "How a held claim ends")
	same(t, "state of a claim", firstCells(claims), wordsOf(t, "internal/deposit", "State"))
	var states []string
	for _, word := range firstCells(evidencePage.section(t, "## From evidence to a transfer")) {
		states = append(states, word)
	}
	same(t, "state of a transfer", states, wordsOf(t, "internal/deposit", "TransferState"))
}

func TestPolicySettings(t *testing.T) {
	page := readPage(t, "docs/matching.md")
	all := append(firstCells(page.section(t, "## Settings")), firstCells(readPage(t, "docs/withdrawals.md").section(t, "## Settings"))...)
	same(t, "policy", all, slices.Collect(maps.Keys(merchant.SettingNames())))
	defaults := merchant.DefaultPolicy().Show("INR")
	for key, want := range map[string]string{"mismatch": "`hold`", "waiting_limit": "10", "window": "72h", "paid_after": "10m", "sms_limit": "50000"} {
		if !strings.Contains(page.text, "| `"+key+"` | "+want+" |") || !strings.HasPrefix(defaults[key], strings.Trim(want, "`")) {
			t.Errorf("the default of %s is %s, documented as %s", key, defaults[key], want)
		}
	}
}

func TestRuleNumbers(t *testing.T) {
	var numbers []string
	for line := range strings.Lines(readPage(t, "docs/matching.md").section(t, "## The rules")) {
		var number int
		if _, err := fmt.Sscanf(line, "| %d |", &number); err == nil && !slices.Contains(numbers, strconv.Itoa(number)) {
			numbers = append(numbers, strconv.Itoa(number))
		}
	}
	var inCode []string
	for number := 1; number <= deposit.Judge(deposit.Facts{Transfer: &deposit.Transfer{Strength: evidence.StrengthAny}, Fits: true}).Rule; number++ {
		inCode = append(inCode, strconv.Itoa(number))
	}
	same(t, "rule", numbers, inCode)
}

func TestMethods(t *testing.T) {
	var documented, inCode []string
	for line := range strings.Lines(readPage(t, "docs/protocol.md").section(t, "## Create: which wallet to pay to")) {
		if strings.Contains(line, "| INR |") || strings.Contains(line, "| BDT |") || strings.Contains(line, "| PKR |") {
			documented = append(documented, firstCells(line)...)
		}
	}
	for _, m := range method.All() {
		if !m.WithdrawalOnly {
			inCode = append(inCode, m.Name)
		}
	}
	same(t, "wallet type", documented, inCode)
}

// Numbers that stand in sentences.
func TestNumbers(t *testing.T) {
	waits := make([]string, 0, len(postback.Schedule)-1)
	for _, wait := range postback.Schedule[1:] {
		switch {
		case wait < time.Minute:
			waits = append(waits, fmt.Sprintf("%d s", wait/time.Second))
		case wait < time.Hour:
			waits = append(waits, fmt.Sprintf("%d min", wait/time.Minute))
		default:
			waits = append(waits, fmt.Sprintf("%d h", wait/time.Hour))
		}
	}
	last := len(waits) - 1
	for path, sentences := range map[string][]string{
		"docs/protocol.md": {
			fmt.Sprintf("%d attempts", postback.Tries), strings.Join(waits[:last], ", ") + " and " + waits[last],
			fmt.Sprintf("± %d %%", postback.JitterPercent), fmt.Sprintf("at most %d bytes", galla.MaxBody), fmt.Sprintf("at most %d levels", galla.MaxDepth),
			fmt.Sprintf("at most %d members", galla.MaxMembers), fmt.Sprintf("1-%d", galla.MaxField), fmt.Sprintf("more than %.0f minutes", galla.WebhookTolerance.Minutes()),
			fmt.Sprintf("At most %d times", deposit.MaxCorrections),
		},
		"docs/evidence.md": {
			fmt.Sprintf("array of at most %d", evidence.MaxItems), fmt.Sprintf("over %d bytes", evidence.MaxBodyBytes),
			fmt.Sprintf("at most %d bytes", evidence.MaxTextBytes), fmt.Sprintf("at most %d characters", evidence.MaxNoteChars),
		},
		"docs/matching.md": {fmt.Sprintf("at most %d", deposit.MaxCorrections), fmt.Sprintf("tried %d other amounts", deposit.MaxMismatches)},
		"docs/operations.md": {
			fmt.Sprintf("%d is full", gateway.MaxQueue), fmt.Sprintf("leases it for %.0f seconds", gateway.PostbackLease.Seconds()),
			fmt.Sprintf("up to %d connections", store.DefaultMaxConns), fmt.Sprintf("ahead by %d,%03d,000", gateway.RestoreIDGap/1_000_000, gateway.RestoreIDGap/1000%1000),
			fmt.Sprintf("newest %d,000 ids whose bank", gateway.ContradictionReach/1000),
			fmt.Sprintf("newest %d,000 ids", gateway.PickReach/1000), fmt.Sprintf("replayed %d to a transaction", gateway.ReplayChunk),
			fmt.Sprintf("schedule of %d attempts within %.0f hours", postback.Tries, postback.Lifetime.Hours()),
		},
	} {
		text := strings.Join(strings.Fields(readPage(t, path).text), " ")
		for _, sentence := range sentences {
			if !strings.Contains(text, sentence) {
				t.Errorf("%s doesn't say %q", path, sentence)
			}
		}
	}
}

var variable = regexp.MustCompile(`\bGALLA_[A-Z]+(?:_[A-Z]+)*\b`)

// variablesIn are the environment variables that the code knows.
func variablesIn(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == ".git" || entry.Name() == "docs" && path != filepath.Join(root, "test", "docs")) {
				return filepath.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(path); ext == ".go" || ext == "" {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			list = append(list, variable.FindAllString(string(text), -1)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSettings(t *testing.T) {
	settings := append(variable.FindAllString(config.Sample(), -1), "GALLA_CONFIG", "GALLA_ACTOR", "GALLA_OPERATOR_KEY")
	for _, path := range []string{"README.md", "docs/config.md"} {
		var documented []string
		for line := range strings.Lines(readPage(t, path).text) {
			if strings.HasPrefix(line, "| ") {
				documented = append(documented, variable.FindString(line))
			}
		}
		documented = slices.DeleteFunc(documented, func(name string) bool { return name == "" })
		slices.Sort(documented)
		same(t, path, slices.Compact(documented), settings)
	}
	known := append(variablesIn(t), settings...)
	for _, p := range pages(t) {
		for _, name := range variable.FindAllString(p.text, -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names %s, which the code doesn't know", p.path, name)
			}
		}
	}
}

// The metrics of a running server, and those that the documents tell of.
func TestMetrics(t *testing.T) {
	var served []string
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (galla_\w+) `).FindAllStringSubmatch(metrics(t), -1) {
		served = append(served, found[1])
	}
	section := readPage(t, "docs/operations.md").section(t, "## Health, metrics, alarms")
	documented := slices.DeleteFunc(firstCells(section), func(span string) bool { return !strings.HasPrefix(span, "galla_") })
	same(t, "metric", documented, served)
}

// TestLogLines: what the operator looks for in the log is what the code writes.
func TestLogLines(t *testing.T) {
	var written []string
	each(goFiles(t, "cmd/galla", "internal/gateway", "internal/instance", "internal/lane", "internal/teller", "internal/web"), func(node ast.Node) {
		if literal, isLiteral := node.(*ast.BasicLit); isLiteral {
			if word, err := strconv.Unquote(literal.Value); err == nil {
				written = append(written, word)
			}
		}
	})
	names := firstCells(readPage(t, "docs/operations.md").section(t, "## Logs"))
	if len(names) < 5 {
		t.Errorf("only %d lines are documented", len(names))
	}
	for _, name := range names {
		if !slices.Contains(written, name) {
			t.Errorf("docs/operations.md names the line %q, which nobody writes", name)
		}
	}
}

// TestTree: every folder of the program stands in the picture.
func TestTree(t *testing.T) {
	tree := readPage(t, "ARCHITECTURE.md").section(t, "## The tree")
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && name != "deps" && !regexp.MustCompile(`\b`+name+`/`).MatchString(tree) {
			t.Errorf("ARCHITECTURE.md doesn't show internal/%s", name)
		}
	}
}
