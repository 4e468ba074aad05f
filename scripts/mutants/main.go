// Command mutants shows that the tests see mistakes: it makes each bug of test/mutants in an overlay, runs only the tests that
// its header names, and wants one of them to fail. It never changes the tree.
//
// The tests are run once without a bug before: one that fails anyway catches nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/testkit/cluster"
	"github.com/galla-gateway/galla/internal/testkit/mutant"
)

// options are the flags.
type options struct {
	only, result string
	json, sound  bool
	atOnce       int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.only, "only", "", "run the mutants whose name matches this expression")
	flag.StringVar(&o.result, "result", os.Getenv("GALLA_RESULTS"), "append what came of it to this file of results")
	flag.BoolVar(&o.json, "json", false, "print a JSON object for each mutant instead of lines")
	flag.BoolVar(&o.sound, "sound", true, "run the tests once without a mutant before")
	flag.IntVar(&o.atOnce, "at-once", 3, "how many mutants run at the same time")
	flag.Parse()
	good, err := run(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if !good || err != nil {
		os.Exit(1)
	}
}

// run tells whether every mutant was caught. Its error says what kept them from running.
func run(ctx context.Context, o options, out io.Writer) (good bool, err error) {
	mutants, err := chosen(o.only)
	if err != nil {
		return false, err
	}
	needed := false
	for _, m := range mutants {
		for _, c := range m.Catch {
			needed = needed || c.Engine == "postgres"
		}
	}
	tester := &tester{limit: testLimit}
	if needed && os.Getenv(testkit.SharedPostgres) == "" {
		server, err := cluster.Start(ctx, cluster.Options{})
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		tester.environment = append(tester.environment, testkit.SharedPostgres+"="+server.DSN("postgres"))
	}
	tester.environment = append(tester.environment, testkit.RequirePostgres+"=1")
	began := time.Now()
	report := newReport(out, len(mutants), o.json)
	defer report.close()
	if o.sound {
		if err := tester.sound(ctx, mutants, o.atOnce); err != nil {
			return false, err
		}
		report.note("the tests pass without a mutant")
	}
	outcomes := make([]outcome, len(mutants))
	var group errgroup.Group
	group.SetLimit(max(o.atOnce, 1))
	for i := range mutants {
		group.Go(func() error {
			outcomes[i] = tester.try(ctx, mutants[i])
			if ctx.Err() == nil {
				report.add(outcomes[i])
			}
			return nil
		})
	}
	_ = group.Wait() // none of them has an error
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	survived := report.finish(time.Since(began))
	if o.result != "" {
		err = proof.Append(o.result, resultOf(outcomes, began, o.only))
	}
	return survived == 0, err
}

func chosen(only string) ([]mutant.Mutant, error) {
	all, err := mutant.Load(mutant.Folder)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var mutants []mutant.Mutant
	for _, m := range all {
		if pattern.MatchString(m.Name) {
			mutants = append(mutants, m)
		}
	}
	if len(mutants) == 0 {
		return nil, fmt.Errorf("no mutant in %s matches %q", mutant.Folder, only)
	}
	return mutants, nil
}

// resultOf is the campaign's line: a violation is a mutant that nobody saw.
func resultOf(outcomes []outcome, began time.Time, only string) proof.Result {
	r := proof.Result{
		Campaign: "mutants", Unit: "mutants", Count: int64(len(outcomes)), Hits: map[string]int64{}, Milliseconds: time.Since(began).Milliseconds(),
		Commit: proof.Commit(context.Background()), Date: proof.Day(began), Command: "make mutants",
	}
	if only != "" {
		r.Command = "scripts/mutants --only '" + only + "'"
	}
	for _, o := range outcomes {
		if o.State != caught {
			r.Violations++
			continue
		}
		r.Hits["caught in "+strings.TrimPrefix(o.Package, "./")]++
	}
	return r
}

func jsonLine(out io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	fmt.Fprintf(out, "%s\n", text)
}
