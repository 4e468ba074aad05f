package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/store"
)

func newMigrate(a *app) *cobra.Command {
	return inGroup(groupRun, a.verb("migrate", "Make the database, or bring an older one up to date", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		cfg, err := a.settings(c)
		if err != nil {
			return err
		}
		// The key first: a database that no key opens is of no use.
		keys, err := loadKeys(c.Context(), cfg, true)
		if err != nil {
			return err
		}
		s, err := store.Open(c.Context(), cfg.Database.Reveal(), store.Create, store.Options{Exclusive: true, MaxConns: adminConns})
		if err != nil {
			return err
		}
		defer s.Close()
		ad, err := a.openGateway(c.Context(), s, keys, cfg)
		if err != nil {
			return err
		}
		ad.Gateway.Close()
		doc := map[string]string{"database": cfg.Database.String(), "engine": string(s.Engine()), "key_file": cfg.KeyFile, "key_id": keys.ID()}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "%s is up to date; its secrets are sealed with key %s of %s\n", doc["database"], keys.ID(), cfg.KeyFile)
		})
	}))
}
