package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/keyring"
)

func newKey(a *app) *cobra.Command {
	return inGroup(groupHouse, group("key", "The key file that seals secrets", a.keyNew(), a.keyRotate()))
}

func (a *app) keyNew() *cobra.Command {
	var path string
	c := a.verb("new --file PATH", "Make a key file", cobra.NoArgs, func(*cobra.Command, []string) error {
		if path == "" {
			return usagef("--file: expected a path")
		}
		if err := keyring.Generate(path); err != nil {
			return err
		}
		keys, err := keyring.Load(path)
		if err != nil {
			return err
		}
		return a.print(map[string]string{"file": path, "key_id": keys.ID()}, func(w io.Writer) {
			fmt.Fprintf(w, "%s holds key %s\nKeep a copy apart from the backups: without it, no secret in the database can be read.\n", path, keys.ID())
		})
	})
	c.Flags().StringVar(&path, "file", "", "where to make it; what is there is never overwritten")
	return required(c, "file")
}

func (a *app) keyRotate() *cobra.Command {
	c := a.verb("rotate", "Put a new key in front of the key file and seal everything with it", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, cfg, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		keys, err := loadKeys(c.Context(), cfg, false)
		if err != nil {
			return err
		}
		installation, err := s.Read().GetInstallation(c.Context())
		if err = ignoreNoRows(err); err != nil {
			return err
		}
		if installation.KeyCheck.Valid {
			if err := keys.Verify(installation.KeyCheck.String); err != nil {
				return err
			}
		}
		// A database that isn't marked with the newest key yet: a rotation was interrupted. Finish that one.
		resumed := installation.KeyCheck.String != keys.CheckValue()
		if !resumed {
			if keys, err = keyring.Rotate(cfg.KeyFile); err != nil {
				return err
			}
		}
		ad, err := a.openGateway(c.Context(), s, keys, cfg)
		if err != nil {
			return err
		}
		defer ad.Gateway.Close()
		sealed, err := ad.Reseal(c.Context())
		if err != nil {
			return fmt.Errorf("%w; run galla key rotate again to go on", err)
		}
		doc := map[string]any{"key_id": keys.ID(), "older_key_ids": keys.IDs()[1:], "resumed": resumed, "keys_sealed": sealed.Keys, "tokens_sealed": sealed.Tokens}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "key %s seals from now on; %d merchants' keys and %d source tokens were sealed anew\n", keys.ID(), sealed.Keys, sealed.Tokens)
			fmt.Fprintln(w, "Bring the key file to every machine with a server and restart it now: servers that run know only the old key and")
			fmt.Fprintln(w, "notice no change of merchants, wallets and sources until then.")
			fmt.Fprintf(w, "Keep the older keys (%s) in the file: API secrets are known by their hashes alone, which stay under the key\nthat made them until the secret is rotated.\n", strings.Join(keys.IDs()[1:], ", "))
		})
	})
	c.Long = "Rotation may be interrupted at any point and repeated: it then goes on where it was. API secrets are stored as keyed\n" +
		"hashes, which can't be made anew without the secret: they stay valid under the older keys of the file. To get rid of\n" +
		"an old key, rotate the API secrets first (galla merchant rotate SLUG --kind api_secret), then take its line out."
	return c
}
