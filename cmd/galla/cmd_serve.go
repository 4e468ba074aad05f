package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/config"
	"github.com/galla-gateway/galla/internal/instance"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
)

// exitCorrupt is the exit code after a database I/O error: start again from what is on the disk.
const exitCorrupt = 1

func newServe(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "serve", Short: "Run the gateway: API, evidence input and postbacks", Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		Long: "Run the gateway. A new SQLite database and its key file are made when missing.\n" +
			"SIGTERM or Ctrl-C stops it in order: readiness off, open requests answered, the last batch committed.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.settings(c)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), cfg, store.Options{})
		},
	}
	return inGroup(groupRun, c)
}

// serve runs one instance until ctx ends.
func (a *app) serve(ctx context.Context, cfg config.Config, opts store.Options) error {
	began := a.now()
	logger := newLogger(a.stderr, cfg)
	keys, err := loadKeys(ctx, cfg, true)
	if err != nil {
		return err
	}
	opts.Exclusive = true
	s, err := store.Open(ctx, cfg.Database.Reveal(), store.Create, opts)
	if err != nil {
		return err
	}
	defer s.Close()
	i, err := instance.Start(ctx, instance.Config{
		Store: s, Keys: keys, LoadKeys: func() (*keyring.Keyring, error) { return keyring.Load(cfg.KeyFile) }, Now: a.now, Logger: logger, Listen: cfg.Listen, AdminListen: cfg.AdminListen,
		BaseHost: cfg.BaseHost(), LocalHTTP: cfg.LocalHTTP(), DefaultMerchant: cfg.DefaultMerchant, TrustedProxies: cfg.TrustedProxies, PostbackAllow: cfg.PostbackAllow,
		PostbackConcurrency: cfg.PostbackConcurrency, PostbackRate: cfg.PostbackRate,
		OnFatal: func(err error) {
			// Nothing after an I/O error can be trusted, an orderly stop least of all.
			logger.Error("database.failed", "error", err)
			os.Exit(exitCorrupt)
		},
	})
	if err != nil {
		return err
	}
	logger.Info("server.started", "database", cfg.Database, "listen", i.Addr, "admin_listen", i.AdminAddr, "base_url", cfg.BaseURL,
		"version", buildVersion().Version, "recovery", i.Gateway.Directory().Recovery, "started_in", a.now().Sub(began))
	if err := i.Run(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	logger.Info("server.stopped")
	return nil
}

// newLogger writes for people on a terminal, else as configured.
func newLogger(w io.Writer, cfg config.Config) *slog.Logger {
	switch {
	case cfg.LogFormat == "json":
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.LogLevel}))
	case isTerminal(w):
		return slog.New(tint.NewHandler(w, &tint.Options{Level: cfg.LogLevel}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: cfg.LogLevel}))
}
