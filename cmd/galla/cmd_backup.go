package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

func newBackup(a *app) *cobra.Command {
	c := a.verb("backup FILE", "Write everything that is stored into one file, beside a running server", cobra.ExactArgs(1), a.backup)
	c.Long = "The file is of one moment and restores into SQLite and into PostgreSQL, whichever it was made from. Before it gets\n" +
		"its name it is restored into a database of its own, in the same folder, and audited; that takes as much space again.\n" +
		"The key file is not in it: keep a copy of that elsewhere. Without it the secrets in a backup can't be opened."
	return inGroup(groupHouse, c)
}

// backupDoc is a backup in a document.
type backupDoc struct {
	File     string          `json:"file"`
	Engine   store.Engine    `json:"engine"`
	Schema   int64           `json:"schema"`
	MadeAt   string          `json:"made_at"`
	Rows     int64           `json:"rows"`
	Bytes    int64           `json:"bytes"`
	SHA256   string          `json:"sha256"`
	Failures int64           `json:"audit_failures"`
	Checks   []oracle.Result `json:"checks"`
}

func (a *app) backup(c *cobra.Command, args []string) error {
	path := args[0]
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there already: a backup never replaces a file", path)
	}
	s, cfg, err := a.openStore(c)
	if err != nil {
		return err
	}
	defer s.Close()
	// Under another name until it is whole and checked. CreateTemp makes files that only their owner reads.
	file, err := os.CreateTemp(filepath.Dir(path), ".galla-backup-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(file.Name()) // not there any more when all went well
	defer file.Close()
	bar := a.progressBar("backup")
	info, err := s.Backup(c.Context(), file, a.now(), bar.set)
	bar.end()
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return err
	}
	report, err := a.checkBackup(c, file)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	doc := backupDoc{path, info.Engine, info.Schema, moment(info.MadeAt.UnixMicro()), info.Rows, size, info.SHA256, report.Failed(), report.Checks}
	if err := a.print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d rows in %d bytes, restored for a try and audited\n", path, info.Rows, size)
		fmt.Fprintf(w, "The key file %s is not in it: keep a copy of that elsewhere.\n", cfg.KeyFile)
	}); err != nil {
		return err
	}
	if failed := report.Failed(); failed > 0 {
		return fmt.Errorf("%s is written, but %d checks of its books fail, as they do in the database: see galla audit", path, failed)
	}
	return nil
}

// checkBackup restores the written file for a try, beside it, and audits that.
func (a *app) checkBackup(c *cobra.Command, file *os.File) (oracle.Report, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return oracle.Report{}, fmt.Errorf("backup: %w", err)
	}
	bar := a.progressBar("check")
	defer bar.end()
	return gateway.CheckBackup(c.Context(), file, filepath.Dir(file.Name()), bar.set)
}

// syncFolder makes the name of a new file as durable as its content.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
