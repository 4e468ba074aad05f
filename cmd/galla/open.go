package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/config"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
)

// adminConns bounds the PostgreSQL connections of one admin command: it runs beside servers that need theirs.
const adminConns = 4

// maxActor is the longest name of a person that acts are kept with, in characters.
const maxActor = 100

// settings reads the configuration of this run.
func (a *app) settings(c *cobra.Command) (config.Config, error) {
	cfg, err := config.Load(c.Flags(), a.environ, "")
	if err != nil {
		return cfg, usagef("%v", err)
	}
	return cfg, nil
}

// openStore opens the database for a command that only reads. It works beside a running server and without a key.
func (a *app) openStore(c *cobra.Command) (*store.Store, config.Config, error) {
	cfg, err := a.settings(c)
	if err != nil {
		return nil, cfg, err
	}
	s, err := store.Open(c.Context(), cfg.Database.Reveal(), store.Existing, store.Options{MaxConns: adminConns})
	return s, cfg, err
}

// admin is an open installation for a command that changes it. It works beside a running server, which notices the
// change within a second.
type admin struct {
	*gateway.Gateway
	store *store.Store
	cfg   config.Config
	actor string
}

// Close ends what openAdmin began.
func (ad *admin) Close() {
	ad.Gateway.Close()
	_ = ad.store.Close() // the command's own outcome is what counts
}

// openAdmin opens the installation for changes. Database and key file must be there.
func (a *app) openAdmin(c *cobra.Command) (*admin, error) {
	s, cfg, err := a.openStore(c)
	if err != nil {
		return nil, err
	}
	keys, err := loadKeys(c.Context(), cfg, false)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	ad, err := a.openGateway(c.Context(), s, keys, cfg)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return ad, nil
}

// openGateway opens the verbs over an open store; simulated data may be looked after like any other.
func (a *app) openGateway(ctx context.Context, s *store.Store, keys *keyring.Keyring, cfg config.Config) (*admin, error) {
	simulated, err := gateway.Simulated(ctx, s)
	if err != nil {
		return nil, err
	}
	g, err := gateway.Open(ctx, s, keys, gateway.Options{
		Now: a.now, Simulated: simulated, Actor: a.actor(), Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	return &admin{Gateway: g, store: s, cfg: cfg, actor: a.actor()}, nil
}

// loadKeys opens the key file. With create, which only commands that may create a database set, one is made beside a
// new SQLite database; on PostgreSQL several instances share one, so it must be brought.
func loadKeys(ctx context.Context, cfg config.Config, create bool) (*keyring.Keyring, error) {
	if cfg.KeyFile == "" {
		return nil, errors.New("GALLA_KEY_FILE is not set: with PostgreSQL the key file is yours to keep; make one with galla key new --file PATH")
	}
	keys, err := keyring.Load(cfg.KeyFile)
	if !errors.Is(err, keyring.ErrNoFile) || !create {
		return keys, err
	}
	fresh, freshErr := isFresh(ctx, cfg.Database.Reveal())
	if freshErr != nil || !fresh {
		return nil, errors.Join(err, freshErr)
	}
	if err := os.MkdirAll(filepath.Dir(cfg.KeyFile), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the key file: %w", err)
	}
	// Two starts at once: the one that comes second takes the first one's key.
	if err := keyring.Generate(cfg.KeyFile); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return keyring.Load(cfg.KeyFile)
}

// isFresh tells whether a SQLite database has no key yet. One that has would be locked out by another key.
func isFresh(ctx context.Context, database string) (bool, error) {
	engine, path, err := store.Parse(database)
	if err != nil || engine != store.SQLite {
		return false, err
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return true, nil
	}
	s, err := store.Open(ctx, database, store.Existing, store.Options{})
	if errors.Is(err, store.ErrMissing) {
		return true, nil // a file without a schema
	}
	if err != nil {
		return false, err
	}
	defer s.Close()
	row, err := s.Read().GetInstallation(ctx)
	return !row.KeyCheck.Valid, ignoreNoRows(err)
}

// actor is who acts, as it is kept with what they do: GALLA_ACTOR, else the user of the system.
func (a *app) actor() string {
	name := a.variable("GALLA_ACTOR")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > maxActor {
		name = string(runes[:maxActor])
	}
	if name = strings.TrimSpace(name); name == "" {
		return fmt.Sprintf("uid %d", os.Getuid())
	}
	return name
}

// variable is the value of an environment variable, "" when it isn't set.
func (a *app) variable(name string) string {
	value := ""
	for _, entry := range a.environ {
		if text, ok := strings.CutPrefix(entry, name+"="); ok {
			value = text
		}
	}
	return value
}
