package docs

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

const (
	rulesFile     = "deploy/prometheus/galla-rules.yml"
	dashboardFile = "deploy/grafana/galla.json"
	runbook       = "https://github.com/galla-gateway/galla/blob/main/docs/operations.md#"
)

// metrics is what a running instance serves. A request was answered and an endpoint is paused, so that every metric has a
// value.
func metrics(t *testing.T) string {
	t.Helper()
	g := process.New(t, testkit.SQLite(t))
	g.MustRun("migrate")
	g.MustRun("merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/")
	g.MustRun("postback", "pause", "--merchant", "shop", "--reason", "to be seen")
	server := g.Serve()
	get(t, server.URL+"/api/v1/transaction/create/phone_pe")
	return get(t, server.Admin+"/metrics")
}

// alert is one rule of Prometheus as its file has it.
type alert struct {
	name, expr string
	labels     map[string]any
	notes      map[string]any
}

func alerts(t *testing.T) []alert {
	t.Helper()
	file, err := yaml.Parser().Unmarshal([]byte(readFile(t, rulesFile)))
	if err != nil {
		t.Fatalf("%s: %v", rulesFile, err)
	}
	var list []alert
	groups, _ := file["groups"].([]any)
	for _, group := range groups {
		rules, _ := group.(map[string]any)["rules"].([]any)
		for _, rule := range rules {
			members, _ := rule.(map[string]any)
			var a alert
			a.name, _ = members["alert"].(string)
			a.expr, _ = members["expr"].(string)
			a.labels, _ = members["labels"].(map[string]any)
			a.notes, _ = members["annotations"].(map[string]any)
			list = append(list, a)
		}
	}
	if len(list) < 10 {
		t.Fatalf("%s: only %d alerts were found", rulesFile, len(list))
	}
	return list
}

// queries are the expressions of every panel of the dashboard.
func queries(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &dashboard); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	var list []string
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("%s: a panel %q without title or query", dashboardFile, panel.Title)
		}
		for _, target := range panel.Targets {
			list = append(list, target.Expr)
		}
	}
	if len(list) < 15 {
		t.Fatalf("%s: only %d queries were found", dashboardFile, len(list))
	}
	return list
}

var (
	metricName = regexp.MustCompile(`\b(?:galla|go|process)_\w+`)
	quoted     = regexp.MustCompile(`"[^"]*"`)
	seriesName = regexp.MustCompile(`(?m)^([a-z]\w*)[ {]`)
	matcher    = regexp.MustCompile(`(\w+)\{([^}]*)\}`)
	wantedIs   = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// Alerts and dashboard ask for nothing that a running instance doesn't serve, down to the values of labels.
func TestAlertsAndDashboardAskForWhatIsServed(t *testing.T) {
	body := metrics(t)
	var served []string
	for _, found := range seriesName.FindAllStringSubmatch(body, -1) {
		served = append(served, found[1])
	}
	asked := map[string][]string{dashboardFile: queries(t)}
	for _, a := range alerts(t) {
		asked[rulesFile] = append(asked[rulesFile], a.expr)
	}
	for file, list := range asked {
		for _, expr := range list {
			names := metricName.FindAllString(quoted.ReplaceAllString(expr, `""`), -1)
			if len(names) == 0 && !strings.Contains(expr, "up{") {
				t.Errorf("%s asks for no metric: %s", file, expr)
			}
			for _, name := range names {
				if !slices.Contains(served, name) {
					t.Errorf("%s asks for %s, which isn't served", file, name)
				}
			}
			for _, part := range matcher.FindAllStringSubmatch(expr, -1) {
				checkLabels(t, file, body, part[1], part[2])
			}
			if strings.Count(expr, "(") != strings.Count(expr, ")") {
				t.Errorf("%s: a bracket is missing: %s", file, expr)
			}
		}
	}
}

// checkLabels looks for a series with the labels that an expression names. Those that Prometheus adds aren't served.
func checkLabels(t *testing.T, file, body, name, labels string) {
	t.Helper()
	if name == "up" {
		return
	}
	for _, want := range wantedIs.FindAllStringSubmatch(labels, -1) {
		if want[1] == "job" || want[1] == "state" && want[2] == "open" { // no endpoint fails here
			continue
		}
		if !regexp.MustCompile(`(?m)^` + name + `\{[^}]*\b` + want[1] + `="` + want[2] + `"`).MatchString(body) {
			t.Errorf("%s asks for %s{%s}, which isn't served", file, name, want[0])
		}
	}
}

// Every alert says what it is about, and the operator's page what to do on it.
func TestAlertsAreDocumented(t *testing.T) {
	section := readPage(t, "docs/operations.md").section(t, "## Alarms")
	var names, headings []string
	for line := range strings.Lines(section) {
		if heading, isHeading := strings.CutPrefix(line, "### "); isHeading {
			headings = append(headings, strings.TrimSpace(heading))
		}
	}
	for _, a := range alerts(t) {
		names = append(names, a.name)
		for _, note := range []string{"summary", "description"} {
			if text, _ := a.notes[note].(string); len(text) < 10 {
				t.Errorf("%s has the %s %q", a.name, note, text)
			}
		}
		anchor, _ := a.notes["runbook_url"].(string)
		if anchor, isOurs := strings.CutPrefix(anchor, runbook); !isOurs || !slices.Contains(anchors(section), anchor) {
			t.Errorf("%s: there is no heading for its runbook_url %q", a.name, anchor)
		}
		if severity, _ := a.labels["severity"].(string); severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", a.name, severity)
		}
	}
	same(t, "alert", headings, names)
}
