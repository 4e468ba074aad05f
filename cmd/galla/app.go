package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/config"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // an unknown command or flag, a missing or impossible argument
)

// app is one run of the program: what it was given by its surroundings, so that tests give it something else.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // "NAME=value"
	now            func() time.Time

	json    bool // --json was given
	printed bool // stdout has its document
}

// Groups of commands in the help.
const (
	groupRun      = "run"
	groupBusiness = "business"
	groupPayments = "payments"
	groupHouse    = "house"
)

// run executes the command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	began := false
	each(root, func(c *cobra.Command) {
		if work := c.RunE; work != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				began = true
				return work(c, args)
			}
		}
	})
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	return a.report(command, err, began)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "galla",
		Short: "Payment gateway for wallets and UPI: one binary, your own money",
		Long: "Galla matches the transaction numbers that payers type with the money that really came in,\n" +
			"keeps the books, and tells merchants. Start with: galla demo",
		SilenceErrors:      true,
		SilenceUsage:       true,
		RunE:               needCommand,
		Args:               cobra.ArbitraryArgs,
		FParseErrWhitelist: anyFlags,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetIn(a.stdin)
	config.AddFlags(root.PersistentFlags())
	root.SetUsageTemplate(usageTemplate)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupBusiness, Title: "Who is paid, and where:"},
		&cobra.Group{ID: groupPayments, Title: "Payments:"},
		&cobra.Group{ID: groupHouse, Title: "Keep it running:"},
	)
	for _, make := range commands {
		root.AddCommand(make(a))
	}
	return root
}

// verb makes a command that does something. It has --json.
func (a *app) verb(use, short string, args cobra.PositionalArgs, work func(*cobra.Command, []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: args, RunE: work, DisableFlagsInUseLine: true}
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON document on stdout, everything else on stderr")
	return c
}

// group makes a command that only has commands below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, RunE: needCommand, Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true, FParseErrWhitelist: anyFlags,
	}
	c.AddCommand(below...)
	return c
}

// anyFlags lets needCommand name the mistyped command rather than a flag that it would have had.
var anyFlags = cobra.FParseErrWhitelist{UnknownFlags: true}

// needCommand is what a command does that only has commands below it.
func needCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		c.SetOut(c.ErrOrStderr())
		_ = c.Help() // prints only
		return usagef("a command is missing")
	}
	var hint string
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = " (did you mean " + strings.Join(near, " or ") + "?)"
	}
	return usagef("unknown command %q%s", args[0], hint)
}

// inGroup puts a command into a group of the help.
func inGroup(id string, c *cobra.Command) *cobra.Command {
	c.GroupID = id
	return c
}

func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, below := range c.Commands() {
		each(below, f)
	}
}

// required marks flags without which a command was used wrongly.
func required(c *cobra.Command, flags ...string) *cobra.Command {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(fmt.Sprintf("%s: %v", c.Name(), err)) // the flag isn't declared
		}
	}
	return c
}

// usageTemplate is cobra's without the list of settings under every command: they stand once, under galla itself.
const usageTemplate = `Usage:{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{else}}
  {{.UseLine}} [flags]{{end}}{{if .HasAvailableSubCommands}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .Groups}}

Also:{{else}}

Commands:{{end}}{{range $all}}{{if and (eq .GroupID "") .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasParent}}

Settings such as --database (GALLA_DATABASE) are listed by: galla --help{{end}}
`
