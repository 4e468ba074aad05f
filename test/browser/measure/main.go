// Command measure weighs the payment window of the real binary in a real Chromium, and times it as a payer with a cheap
// phone on a slow network sees it. It fails when a screen is over budget. Only loopback is dialled.
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
	"syscall"

	"github.com/galla-gateway/galla/test/process"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // a budget is exceeded, or nothing could be measured
	exitUsage  = 2
)

// maxRuns keeps a mistyped number from measuring all day.
const maxRuns = 100

// options are what the command line chose.
type options struct {
	runs int // loads of each screen, language and network
	json bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	process.Remove()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage // parse has told
	}
	r, err := measure(ctx, o.runs, newProgress(stderr))
	if err != nil {
		fmt.Fprintln(stderr, "measure:", err)
		return exitFailed
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r)
	} else {
		err = r.write(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "measure:", err)
		return exitFailed
	}
	return r.verdict(stderr)
}

// verdict is the exit code, and tells which budgets are exceeded.
func (r *report) verdict(stderr io.Writer) int {
	code := exitDone
	for _, b := range r.Budgets {
		if b.Exceeded {
			fmt.Fprintf(stderr, "measure: over budget: %s: %d, at most %d (%s)\n", b.Name, b.Worst, b.Limit, b.Screen)
			code = exitFailed
		}
	}
	return code
}

// parse reads the command line. What is wrong with it is told on stderr.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.runs, "runs", 5, "loads of each screen, language and network; times are their median")
	flags.BoolVar(&o.json, "json", false, "print one JSON document")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.runs < 1 || o.runs > maxRuns:
		err = fmt.Errorf("--runs is 1 to %d", maxRuns)
	}
	if err != nil {
		fmt.Fprintln(stderr, "measure:", err)
		flags.Usage()
	}
	return o, err
}
