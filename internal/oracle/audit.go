package oracle

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// auditStep is how many ids one statement of the audit looks at, so that memory stays small on any database.
	auditStep = 5000
	// MaxExamples is how many failures of one invariant are told in words; all are counted.
	MaxExamples = 10
)

// Result is one invariant with what the audit found.
type Result struct {
	ID       string   `json:"id"`
	What     string   `json:"what"`
	Checked  int64    `json:"checked"`
	Failed   int64    `json:"failed"`
	Examples []string `json:"examples,omitempty"`
}

// Report is what Audit found.
type Report struct {
	Checks []Result `json:"checks"`
	// Stopping are the failures of which Galla itself is the cause, as far as they are told in words. Others, as a bank that
	// changed its mind, stop nothing.
	Stopping []Violation `json:"-"`
}

// Failed is how many failures all checks found.
func (r Report) Failed() int64 {
	var failed int64
	for _, check := range r.Checks {
		failed += check.Failed
	}
	return failed
}

// Options of an audit; the zero value is right.
type Options struct {
	// Progress is told how many of how many ids have been looked at.
	Progress func(done, total int64)
	// Hashes gives the keyed hashes of a text, one for each key. nil: the chain of the log of acts isn't recomputed.
	Hashes func(text string) [][32]byte
	// Examples is how many failures of one invariant are told in words; 0: MaxExamples.
	Examples int
	// Pause is called between two statements: who is in no hurry waits there.
	Pause func(context.Context) error
}

// Audit makes every check, also those of what others did, by ranges of ids. It may run beside a working server: what belongs
// to one comparison is read by one statement, and so of one moment.
func (o *Oracle) Audit(ctx context.Context, opts Options) (Report, error) {
	a := &audit{ctx: ctx, o: o, opts: opts, results: map[string]*Result{}}
	for i := range Checks {
		c := &Checks[i]
		r := a.results[c.Invariant]
		if r == nil {
			r = &Result{ID: c.Invariant}
			a.results[c.Invariant], a.order = r, append(a.order, c.Invariant)
		}
		if r.What != "" {
			r.What += "; "
		}
		r.What += c.What
	}
	if err := a.run(); err != nil {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	slices.Sort(a.order)
	report := Report{Stopping: a.stopping}
	for _, id := range a.order {
		report.Checks = append(report.Checks, *a.results[id])
	}
	return report, nil
}

type audit struct {
	ctx         context.Context
	o           *Oracle
	opts        Options
	results     map[string]*Result
	order       []string
	stopping    []Violation
	done, total int64
}

func (a *audit) run() error {
	last, err := a.o.highest(a.ctx)
	if err != nil {
		return err
	}
	for _, id := range last {
		a.total += id
	}
	for i := range passes {
		if err := a.pass(&passes[i], last[i]); err != nil {
			return err
		}
	}
	for _, c := range of("", true) {
		if err := a.look(c.whole(), nil); err != nil {
			return err
		}
		a.results[c.Invariant].Checked++
	}
	if a.opts.Hashes == nil {
		return nil
	}
	rows, found, err := a.o.Log(a.ctx, a.opts.Hashes)
	if err != nil {
		return err
	}
	a.results[logInvariant].Checked += rows
	for _, v := range found {
		a.fail(&Check{Invariant: logInvariant}, v.What)
	}
	return nil
}

// highest reads the highest id of each pass.
func (o *Oracle) highest(ctx context.Context) ([]int64, error) {
	var columns []string
	for i := range passes {
		columns = append(columns, "COALESCE((SELECT max("+passes[i].column()+") FROM "+passes[i].table+"), 0)")
	}
	last := make([]int64, len(passes))
	into := make([]any, len(passes))
	for i := range last {
		into[i] = &last[i]
	}
	err := o.read(ctx, "SELECT "+strings.Join(columns, ", "), func(rows *sql.Rows) error { return rows.Scan(into...) })
	return last, err
}

// column is the name of the id in its table.
func (p *pass) column() string {
	_, name, _ := strings.Cut(p.id, ".")
	return name
}

func (p *pass) between() string { return p.id + " > $1 AND " + p.id + " <= $2" }

func (a *audit) pass(p *pass, last int64) error {
	checks := of(p.table, true)
	text, count := p.statement(checks, p.between()), p.countBetween()
	for after := int64(0); after < last; {
		first, rows := int64(0), int64(0)
		if err := a.o.read(a.ctx, count, func(r *sql.Rows) error { return r.Scan(&first, &rows) }, after, after+auditStep); err != nil {
			return err
		}
		until := min(after+auditStep, last)
		if rows > 0 {
			if err := a.look(text, []any{after, until}); err != nil {
				return err
			}
			for _, c := range checks {
				a.results[c.Invariant].Checked += rows
			}
		} else if first > until {
			until = min(first-1, last) // a gap, as restores leave them
		}
		a.done += until - after
		if after = until; a.opts.Progress != nil {
			a.opts.Progress(a.done, a.total)
		}
	}
	return nil
}

// countBetween gives the next id that there is, and how many rows a range has.
func (p *pass) countBetween() string {
	id := p.column()
	return "SELECT COALESCE((SELECT min(" + id + ") FROM " + p.table + " WHERE " + id + " > $1), 0), " +
		"(SELECT count(*) FROM " + p.table + " WHERE " + id + " > $1 AND " + id + " <= $2)"
}

func (a *audit) look(text string, args []any) error {
	if a.opts.Pause != nil {
		if err := a.opts.Pause(a.ctx); err != nil {
			return err
		}
	}
	found, err := a.o.find(a.ctx, text, args...)
	if err == nil && len(found) > 0 {
		var again []finding
		again, err = a.o.find(a.ctx, text, args...)
		found = both(found, again)
	}
	for _, f := range found {
		a.fail(f.check, f.what)
	}
	return err
}

func (a *audit) fail(c *Check, what string) {
	r := a.results[c.Invariant]
	r.Failed++
	if len(r.Examples) >= cmp.Or(a.opts.Examples, MaxExamples) {
		return
	}
	r.Examples = append(r.Examples, what)
	if !c.Outside {
		a.stopping = append(a.stopping, Violation{c.Invariant, what})
	}
}

// Rest returns a Pause that leaves the database alone for a while after each statement.
func Rest(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}
