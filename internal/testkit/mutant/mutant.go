// Package mutant reads bugs that were made on purpose: patches in test/mutants, each with a header that says which mistake it
// is and which tests must see it. It applies them to texts, never to the tree.
package mutant

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Mutant is one patch with its header.
type Mutant struct {
	Name    string // of the file, without its ending: "01-deposit-claim-not-unique"
	Mistake string // what somebody did wrong
	Breaks  string // the invariant that falls: "C-1"
	Catch   []Catch
	files   []file
}

// Catch is one run of go test that must fail.
type Catch struct {
	Package string // "./internal/gateway"
	Run     string // the value of -run
	Engine  string // "postgres" when the test needs a server, else ""
}

// file is what a patch changes in one file.
type file struct {
	path  string
	hunks []hunk
}

// hunk is one place: old stands there, new should. line is where the patch says that it is, from 1.
type hunk struct {
	line     int
	old, new []string
}

// Folder is where the patches are, below the root of the module.
const Folder = "test/mutants"

// Load reads all patches of a folder, in the order of their names.
func Load(folder string) ([]Mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	mutants := make([]Mutant, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := Parse(strings.TrimSuffix(filepath.Base(path), ".patch"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

// catchLine is "./internal/gateway -run 'TestX|TestY' engine".
var catchLine = regexp.MustCompile(`^(\./\S*|\.) -run '([^']+)'(?: engine (sqlite|postgres))?$`)

// Parse reads a patch: lines "# mistake: …", "# breaks: …", one or more "# catch: …", then a unified diff.
func Parse(name, text string) (Mutant, error) {
	m := Mutant{Name: name}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "# ") {
		key, value, _ := strings.Cut(strings.TrimPrefix(lines[0], "# "), ": ")
		lines = lines[1:]
		switch key {
		case "mistake":
			m.Mistake = value
		case "breaks":
			m.Breaks = value
		case "catch":
			parts := catchLine.FindStringSubmatch(value)
			if parts == nil {
				return m, fmt.Errorf("catch %q isn't \"./package -run 'Test' engine sqlite\"", value)
			}
			m.Catch = append(m.Catch, Catch{parts[1], parts[2], parts[3]})
		default:
			return m, fmt.Errorf("header %q is none of mistake, breaks and catch", key)
		}
	}
	if m.Mistake == "" || m.Breaks == "" || len(m.Catch) == 0 {
		return m, errors.New("the header lacks mistake, breaks or catch")
	}
	var err error
	m.files, err = parseDiff(lines)
	return m, err
}

var hunkLine = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@`)

func parseDiff(lines []string) ([]file, error) {
	var files []file
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "--- ") && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "+++ b/"):
			i++
			files = append(files, file{path: strings.TrimPrefix(lines[i], "+++ b/")})
		case strings.HasPrefix(line, "@@ "):
			parts := hunkLine.FindStringSubmatch(line)
			if parts == nil || len(files) == 0 {
				return nil, fmt.Errorf("line %q is no place of a file", line)
			}
			h := hunk{}
			if _, err := fmt.Sscan(parts[1], &h.line); err != nil {
				return nil, err
			}
			f := &files[len(files)-1]
			f.hunks = append(f.hunks, h)
		case len(files) > 0 && len(files[len(files)-1].hunks) > 0:
			f := &files[len(files)-1]
			if err := f.hunks[len(f.hunks)-1].add(line); err != nil {
				return nil, err
			}
		case line != "" && !strings.HasPrefix(line, "diff ") && !strings.HasPrefix(line, "index "):
			return nil, fmt.Errorf("line %q is neither header nor diff", line)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no diff")
	}
	return files, nil
}

func (h *hunk) add(line string) error {
	kind, text := byte(' '), ""
	if line != "" { // editors cut the blank of an empty line off
		kind, text = line[0], line[1:]
	}
	switch kind {
	case ' ':
		h.old, h.new = append(h.old, text), append(h.new, text)
	case '-':
		h.old = append(h.old, text)
	case '+':
		h.new = append(h.new, text)
	case '\\': // no newline at the end
	default:
		return fmt.Errorf("line %q is neither kept, taken nor added", line)
	}
	return nil
}

// Files are the paths that the mutant changes, below the root.
func (m Mutant) Files() []string {
	paths := make([]string, len(m.files))
	for i, f := range m.files {
		paths[i] = f.path
	}
	return paths
}

// Apply gives the changed texts by their paths. Files have moved on since the patch was made: each place is looked for by its
// text, and the nearest to its line is taken. An error says which place is no longer there.
func (m Mutant) Apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, f := range m.files {
		text, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			return nil, err
		}
		lines, moved := strings.Split(string(text), "\n"), 0
		for _, h := range f.hunks {
			at := h.find(lines, h.line-1+moved)
			if at < 0 {
				return nil, fmt.Errorf("%s: what the patch changes at line %d isn't there", f.path, h.line)
			}
			moved = at + len(h.new) - len(h.old) - (h.line - 1)
			lines = slices.Concat(lines[:at], h.new, lines[at+len(h.old):])
		}
		if changed[f.path] = strings.Join(lines, "\n"); changed[f.path] == string(text) {
			return nil, fmt.Errorf("%s: the patch changes nothing", f.path)
		}
	}
	return changed, nil
}

// find is the place nearest to the wanted one, -1 when there is none.
func (h hunk) find(lines []string, wanted int) int {
	best := -1
	for at := 0; at+len(h.old) <= len(lines); at++ {
		if slices.Equal(lines[at:at+len(h.old)], h.old) && (best < 0 || distance(at, wanted) < distance(best, wanted)) {
			best = at
		}
	}
	return best
}

func distance(a, b int) int { return max(a-b, b-a) }
