package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

func newRestore(a *app) *cobra.Command {
	c := a.verb("restore FILE", "Fill an empty database from a backup, and begin recovery", cobra.ExactArgs(1), a.restore)
	c.Long = "The database (--database) must not exist yet or be empty: restore never replaces anything. The key file that the\n" +
		"backup was made beside (--key-file) is not in the backup and must be there. Afterwards the installation is in\n" +
		"recovery: nothing is credited by itself and claims answer pending, because what was credited since the backup is\n" +
		"unknown. Import the statements since then, resolve what is doubtful, and run galla recovery end."
	return inGroup(groupHouse, c)
}

// restoreDoc is a restore in a document.
type restoreDoc struct {
	Database string          `json:"database"`
	MadeAt   string          `json:"made_at"`
	Rows     int64           `json:"rows"`
	SHA256   string          `json:"sha256"`
	Recovery bool            `json:"recovery"`
	Failures int64           `json:"audit_failures"`
	Checks   []oracle.Result `json:"checks"`
}

func (a *app) restore(c *cobra.Command, args []string) error {
	cfg, err := a.settings(c)
	if err != nil {
		return err
	}
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	backup, err := store.OpenBackup(file)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	// The key before the database: what it can't open needs no database.
	keys, err := loadKeys(c.Context(), cfg, false)
	if err == nil {
		err = keys.Verify(backup.Info.KeyCheck)
	}
	if errors.Is(err, keyring.ErrNoFile) {
		return fmt.Errorf("no key file at %s: it is not in a backup; put there the one that the backup was made beside", cfg.KeyFile)
	}
	if err != nil {
		return err
	}
	switch busy, err := store.InUse(c.Context(), cfg.Database.Reveal()); {
	case err != nil:
		return err
	case busy:
		return store.ErrLocked
	}
	s, err := store.Open(c.Context(), cfg.Database.Reveal(), store.Create, store.Options{Exclusive: true, MaxConns: adminConns})
	if err != nil {
		return err
	}
	defer s.Close()
	bar := a.progressBar("restore")
	err = gateway.Restore(c.Context(), s, keys, backup, a.now(), bar.set)
	bar.end()
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("%w: restore never replaces anything; name another with --database, or move this one away", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	bar = a.progressBar("audit")
	report, err := gateway.Audit(c.Context(), s, oracle.Options{Progress: bar.set})
	bar.end()
	if err != nil {
		return err
	}
	info := backup.Info
	doc := restoreDoc{cfg.Database.String(), moment(info.MadeAt.UnixMicro()), info.Rows, info.SHA256, true, report.Failed(), report.Checks}
	if err := a.print(doc, func(w io.Writer) { writeRestored(w, doc) }); err != nil {
		return err
	}
	if failed := report.Failed(); failed > 0 {
		return fmt.Errorf("%s is restored, but %d checks of its books fail, as they did when the backup was made: see galla audit", doc.Database, failed)
	}
	return nil
}

func writeRestored(w io.Writer, doc restoreDoc) {
	fmt.Fprintf(w, "%s: %d rows, as of %s, audited\n", doc.Database, doc.Rows, doc.MadeAt)
	fmt.Fprintln(w, "It is in recovery: claims answer pending and nothing is credited by itself. Now:")
	fmt.Fprintln(w, "  1. start galla serve, and import the statements since the backup: galla import FILE --wallet ID")
	fmt.Fprintln(w, "  2. look at what is held, and refuse what was credited before: galla claim list --state held")
	fmt.Fprintln(w, "  3. end recovery, which judges the rest as usual: galla recovery end --reason TEXT")
}
