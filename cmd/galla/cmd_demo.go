package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/demo"
)

func newDemo(a *app) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use: "demo", Short: "Try everything with a simulated shop, wallets, phones and payers", Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		Long: "Run Galla with a simulated world: a shop page to open in a browser, PhonePe wallets, phones that forward\n" +
			"bank messages, and payers. It takes free ports and a temporary folder, and removes that at the end; settings\n" +
			"of a real installation don't matter to it.",
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), once) },
	}
	c.Flags().BoolVar(&once, "once", false,
		"don't wait for a person: run one deposit of every outcome, tell what each party saw, and exit 0 only if all went as it should")
	return inGroup(groupRun, c)
}

func (a *app) demo(ctx context.Context, once bool) error {
	// A closed terminal or pipe would end the process at once and leave the folder behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	run, seed := demo.Run, uint64(a.now().UnixNano())
	if once {
		run, seed = demo.Once, 1
	}
	return run(ctx, demo.Options{
		Out: a.stdout, Color: isTerminal(a.stdout) && a.variable("NO_COLOR") == "", Now: a.now, Seed: seed, Command: os.Args[0],
		Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
}
