package proof

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Read reads files of results, in order.
func Read(paths ...string) ([]Result, error) {
	var all []Result
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		lines := bufio.NewScanner(f)
		for number := 1; lines.Scan(); number++ {
			var r Result
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				_ = f.Close() // it was only read
				return nil, fmt.Errorf("results: %s, line %d: %w", path, number, err)
			}
			all = append(all, r)
		}
		if err := cmp.Or(lines.Err(), f.Close()); err != nil {
			return nil, fmt.Errorf("results: %s: %w", path, err)
		}
	}
	return all, nil
}

// row is the runs of one campaign on one engine with one commit.
type row struct {
	Result
	runs     int
	failed   int
	commands []string
	measured []string // a line for each run
	notes    []string
}

type rowKey struct{ campaign, engine, commit, notRun string }

// rows adds up results: campaigns in the order in which they first came.
func rows(results []Result) []*row {
	var list []*row
	byKey := map[rowKey]*row{}
	for _, r := range results {
		key := rowKey{r.Campaign, r.Engine, r.Commit, r.NotRun}
		sum := byKey[key]
		if sum == nil {
			sum = &row{Result: Result{Campaign: r.Campaign, Engine: r.Engine, Unit: r.Unit, Commit: r.Commit, Expected: r.Expected, NotRun: r.NotRun, Date: r.Date, Hits: map[string]int64{}}}
			byKey[key] = sum
			list = append(list, sum)
		}
		sum.runs++
		sum.Count += r.Count
		sum.Violations += r.Violations
		sum.Missed += r.Missed
		sum.Milliseconds += r.Milliseconds
		sum.Date = max(sum.Date, r.Date)
		for name, n := range r.Hits {
			sum.Hits[name] += n
		}
		if !r.Passed() && r.NotRun == "" {
			sum.failed++
		}
		if len(r.Measured) > 0 {
			sum.measured = append(sum.measured, measured(r))
		}
		if r.Note != "" {
			sum.notes = append(sum.notes, r.Note)
		}
		if !slices.Contains(sum.commands, r.Command) {
			sum.commands = append(sum.commands, r.Command)
		}
	}
	return list
}

// measured is what one run gave. It is told of each run: ratios don't add up.
func measured(r Result) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.Measured)) {
		list = append(list, name+" "+thousandths(r.Measured[name]))
	}
	return fmt.Sprintf("Measured on %s, %s: %s.", cmp.Or(r.Engine, "–"), r.Commit, strings.Join(list, ", "))
}

// thousandths writes 1083 as 1.083, and 900 as 0.9.
func thousandths(n int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", n/1000, n%1000), "0"), ".")
}

// introduction is what the page says before the figures.
const introduction = `# Proof

What was done to Galla to make it lose money, and what came of it. This page is made by ` + "`make proof`" + ` from the files in
[docs/proof](proof), one line for each run; nothing is on it that wasn't run. How each campaign works is in
[operations.md](operations.md#proof).

A campaign passes when nothing was violated. Controls and mutants are the other way round: Galla is broken on purpose, and what is
meant to find that must find it. A measurement may miss goals: that is told beside it, and no money depends on it. Its ratios are
to the small database, the one instance or the fast disk beside which it ran. What a failed run came to is told with its campaign.

`

// Page writes the results as docs/proof.md.
func Page(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString(introduction)
	list := rows(results)
	var campaigns []string
	for _, r := range list {
		if !slices.Contains(campaigns, r.Campaign) {
			campaigns = append(campaigns, r.Campaign)
		}
	}
	b.WriteString("## All of it\n\n| campaign | engine | in all | violations | passed |\n|---|---|---:|---:|---|\n")
	for _, campaign := range campaigns {
		writeTotals(&b, campaign, list)
	}
	for _, campaign := range campaigns {
		writeCampaign(&b, campaign, list)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTotals(b *strings.Builder, campaign string, list []*row) {
	type total struct {
		count, violations, missed int64
		unit                      string
		failed, ran               int
	}
	totals := map[string]*total{}
	var engines []string
	for _, r := range list {
		if r.Campaign != campaign {
			continue
		}
		if totals[r.Engine] == nil {
			totals[r.Engine] = &total{unit: r.Unit}
			engines = append(engines, r.Engine)
		}
		t := totals[r.Engine]
		if r.NotRun != "" {
			continue
		}
		t.count, t.violations, t.missed = t.count+r.Count, t.violations+r.Violations, t.missed+r.Missed
		t.failed, t.ran = t.failed+r.failed, t.ran+r.runs
	}
	for _, engine := range engines {
		t := totals[engine]
		passed := "yes"
		switch {
		case t.ran == 0:
			passed = "not run"
		case t.failed > 0:
			passed = fmt.Sprintf("%d of %d runs failed", t.failed, t.ran)
		case t.missed > 0:
			passed = fmt.Sprintf("yes; goals missed: %d", t.missed)
		}
		fmt.Fprintf(b, "| %s | %s | %s %s | %s | %s |\n", campaign, cmp.Or(engine, "–"), Grouped(t.count), t.unit, Grouped(t.violations), passed)
	}
}

func writeCampaign(b *strings.Builder, campaign string, list []*row) {
	fmt.Fprintf(b, "\n## %s\n\n| engine | commit | date | runs | count | violations | time |\n|---|---|---|---:|---:|---:|---:|\n", strings.ToUpper(campaign[:1])+campaign[1:])
	hits := map[string]int64{}
	var commands, missing, figures, notes []string
	for _, r := range list {
		if r.Campaign != campaign {
			continue
		}
		if r.NotRun != "" {
			missing = append(missing, fmt.Sprintf("%s (%s): %s", cmp.Or(r.Engine, "–"), r.Date, r.NotRun))
			continue
		}
		found := Grouped(r.Violations)
		if r.Expected {
			found += " (had to be found)"
		}
		if r.Missed > 0 {
			found += fmt.Sprintf("; goals missed: %d", r.Missed)
		}
		took := (time.Duration(r.Milliseconds) * time.Millisecond).Round(time.Second)
		fmt.Fprintf(b, "| %s | %s | %s | %d | %s %s | %s | %s |\n", cmp.Or(r.Engine, "–"), r.Commit, r.Date, r.runs, Grouped(r.Count), r.Unit, found, took)
		for name, n := range r.Hits {
			hits[name] += n
		}
		figures = append(figures, r.measured...)
		for _, note := range r.notes {
			notes = append(notes, fmt.Sprintf("What failed on %s, %s: %s", cmp.Or(r.Engine, "–"), r.Commit, note))
		}
		commands = append(commands, r.commands[len(r.commands)-1])
	}
	for _, m := range missing {
		fmt.Fprintf(b, "\nNot run on %s.\n", m)
	}
	if len(hits) > 0 {
		b.WriteString("\nWhat really took place: ")
		for n, name := range slices.Sorted(maps.Keys(hits)) {
			if n > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%s %s", name, Grouped(hits[name]))
		}
		b.WriteString(".\n")
	}
	for _, line := range slices.Concat(notes, figures) {
		fmt.Fprintf(b, "\n%s\n", line)
	}
	slices.Sort(commands)
	for _, c := range slices.Compact(commands) {
		fmt.Fprintf(b, "\n    %s\n", c)
	}
}

// Grouped writes a number with a comma after each three digits.
func Grouped(n int64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
