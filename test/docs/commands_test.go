package docs

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

// commands are the manual pages of the binary, by command: "galla merchant add".
func commands(t *testing.T) map[string]string {
	t.Helper()
	galla := process.New(t, testkit.SQLite(t))
	folder := t.TempDir()
	galla.MustRun("man", folder)
	names, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no manual pages: %v", err)
	}
	list := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list[strings.ReplaceAll(strings.TrimSuffix(filepath.Base(name), ".1"), "-", " ")] = string(text)
	}
	return list
}

var (
	called = regexp.MustCompile(`(?:^|[\s(|;])(?:bin/)?galla((?: [a-z]+)+)([^\n|#]*)`)
	option = regexp.MustCompile(`--[a-z-]+`)
	// A command that is shown in the usage of another program, or no command at all.
	notCalled = []string{"systemctl stop galla"}
)

func TestCommandsExist(t *testing.T) {
	known := commands(t)
	for _, p := range pages(t) {
		for _, line := range p.code() {
			if slices.ContainsFunc(notCalled, func(part string) bool { return strings.Contains(line, part) }) {
				continue
			}
			for _, call := range called.FindAllStringSubmatch(line, -1) {
				checkCall(t, known, p.path, strings.Fields(call[1]), call[2])
			}
		}
	}
}

// checkCall looks up the longest command that the words name. What follows it is arguments, unless the command only has
// commands below it.
func checkCall(t *testing.T, known map[string]string, path string, words []string, rest string) {
	t.Helper()
	name := "galla"
	for i, word := range words {
		if _, ok := known[name+" "+word]; !ok {
			if i == 0 || isGroup(known, name) {
				t.Errorf("%s: there is no command %q", path, name+" "+word)
				return
			}
			break
		}
		name += " " + word
	}
	for _, flag := range option.FindAllString(rest, -1) {
		if !strings.Contains(known[name], `\fB`+flag+`\fP`) && !strings.Contains(known["galla"], `\fB`+flag+`\fP`) {
			t.Errorf("%s: %s has no flag %s", path, name, flag)
		}
	}
}

// isGroup: there are commands below.
func isGroup(known map[string]string, name string) bool {
	for other := range known {
		if strings.HasPrefix(other, name+" ") {
			return true
		}
	}
	return false
}

func TestCommandsAreDocumented(t *testing.T) {
	known := commands(t)
	section := strings.Join(firstCells(readPage(t, "docs/operations.md").section(t, "## Commands")), "\n") + "\n"
	for name := range known {
		if isGroup(known, name) && name != "galla completion" || strings.HasPrefix(name, "galla completion ") {
			continue
		}
		if !regexp.MustCompile(`(?m)^` + name + `(?:$| [A-Z-])`).MatchString(section) {
			t.Errorf("docs/operations.md doesn't tell of %s", name)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
