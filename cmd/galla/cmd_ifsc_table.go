package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/ifsc"
	"github.com/galla-gateway/galla/internal/store"
)

// ifscTableDoc is a table of bank branches in a document.
type ifscTableDoc struct {
	Source   string `json:"source"`
	Banks    int    `json:"banks"`
	Branches int    `json:"branches"`
}

func tableDoc(t *ifsc.Table) ifscTableDoc { return ifscTableDoc{t.Source(), t.Banks(), t.Branches()} }

func (d ifscTableDoc) String() string {
	return fmt.Sprintf("%d branches of %d banks, from %s", d.Branches, d.Banks, d.Source)
}

// ifscUpdateDoc is what update prints: the tables to look codes up in, before and after.
type ifscUpdateDoc struct {
	ifscTableDoc
	Stored  bool         `json:"stored"` // false: the release's alone
	Before  ifscTableDoc `json:"before"`
	Warning string       `json:"warning,omitempty"`
}

func (a *app) ifscUpdate() *cobra.Command {
	var path string
	var clear bool
	c := a.verb("update --file FILE", "Use a newer list of bank branches", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if (path == "") != clear {
			return usagef("say which list: --file FILE, or --clear for that of the release")
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		before := ad.Directory().Branches().Table()
		if clear {
			_, err = ad.ClearBranches(c.Context(), by)
		} else {
			err = a.storeBranches(c.Context(), ad, by, path)
		}
		if err != nil {
			return err
		}
		after := ad.Directory().Branches()
		doc := ifscUpdateDoc{tableDoc(after.Table()), after.Stored != nil, tableDoc(before), ""}
		switch {
		case after.Table().Older(before):
			doc.Warning = "this list is older than the one before"
		case doc.Branches < doc.Before.Branches:
			doc.Warning = fmt.Sprintf("%d branches fewer are known than before", doc.Before.Branches-doc.Branches)
		}
		return a.print(doc, func(w io.Writer) {
			pairs(w, [2]string{"before", doc.Before.String()}, [2]string{"now", doc.String()})
			if doc.Warning != "" {
				fmt.Fprintf(w, "\nLook again: %s. The way back is galla ifsc update with the other file, or with --clear.\n", doc.Warning)
			}
		})
	})
	c.Long = "Use a newer list of bank branches than the release's. Running servers use it within a second. The file is one of\n" +
		"the npm package ifsc (a .tgz, which replaces the release's list), its IFSC.json, or CSV with a column IFSC such as the\n" +
		"lists of the Reserve Bank (which add to the release's list). One list is kept: it replaces what was brought in before."
	c.Flags().StringVar(&path, "file", "", "the newer list")
	c.Flags().BoolVar(&clear, "clear", false, "go back to the list of the release")
	return c
}

// storeBranches reads a list and has every server use it.
func (a *app) storeBranches(ctx context.Context, ad *admin, by gateway.Operator, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return usagef("--file: %v", err)
	}
	defer file.Close()
	var size int64
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	bar := a.progressBar("ifsc update")
	table, err := ifsc.Build(&metered{file, 0, func(read int64) { bar.set(read, max(size, read)) }}, filepath.Base(path))
	bar.end()
	if err != nil {
		return usagef("--file: %v", err)
	}
	return ad.StoreBranches(ctx, by, table)
}

// metered tells how many bytes were read of a reader.
type metered struct {
	io.Reader
	read int64
	tell func(read int64)
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.read += int64(n)
	m.tell(m.read)
	return n, err
}

// ifscInfoDoc is what info prints.
type ifscInfoDoc struct {
	ifscTableDoc
	Release   ifscTableDoc  `json:"release"`
	Stored    *ifscTableDoc `json:"stored,omitempty"` // what a person brought in
	UpdatedBy string        `json:"updated_by,omitempty"`
	UpdatedAt string        `json:"updated_at,omitempty"`
	Warning   string        `json:"warning,omitempty"`
}

func (a *app) ifscInfo() *cobra.Command {
	return a.verb("info", "Tell which list of bank branches is used", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		branches, err := a.branches(c)
		if err != nil {
			return err
		}
		doc := ifscInfoDoc{ifscTableDoc: tableDoc(branches.Table()), Release: tableDoc(ifsc.Embedded())}
		if branches.Stored != nil {
			stored := tableDoc(branches.Stored)
			doc.Stored = &stored
			doc.UpdatedBy, doc.UpdatedAt = branches.UpdatedBy, moment(branches.UpdatedAt.UnixMicro())
			if branches.Stored.Older(ifsc.Embedded()) {
				doc.Warning = "the release has a newer list than the one that was brought in: galla ifsc update --clear goes back to it"
			}
		}
		return a.print(doc, func(w io.Writer) {
			list := [][2]string{{"used", doc.String()}, {"release", doc.Release.String()}}
			if doc.Stored != nil {
				list = append(list, [2]string{"brought in", doc.Stored.String()}, [2]string{"by", doc.UpdatedBy}, [2]string{"at", doc.UpdatedAt})
			}
			pairs(w, list...)
			if doc.Warning != "" {
				fmt.Fprintf(w, "\nLook again: %s.\n", doc.Warning)
			}
		})
	})
}

// branches are the codes that are known: those of the database, the release's where there is none.
func (a *app) branches(c *cobra.Command) (gateway.Branches, error) {
	s, _, err := a.openStore(c)
	if errors.Is(err, store.ErrMissing) {
		return gateway.Branches{}, nil
	}
	if err != nil {
		return gateway.Branches{}, err
	}
	defer s.Close()
	known, err := gateway.LoadBranches(c.Context(), s.Read(), gateway.Branches{})
	if errors.Is(err, gateway.ErrBranchesUnreadable) {
		fmt.Fprintf(a.stderr, "%v; the release's is used\n", err)
		err = nil
	}
	return known, err
}
