package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/galla-gateway/galla/internal/ifsc"
	"github.com/galla-gateway/galla/internal/store"
)

// subjectIFSC is what the audit log says of acts on the table of bank branches.
const subjectIFSC = "ifsc"

// ErrBranchesUnreadable says that the stored table isn't one that this version reads. The release's is as good as any then:
// tables only warn, so nothing is to stop for it.
var ErrBranchesUnreadable = errors.New("the stored table of bank branches can't be read: galla ifsc update stores another")

// Branches are the codes of bank branches that are known: the release's, with what a person stored over them.
type Branches struct {
	// Stored is what a person brought in, nil when nobody did.
	Stored    *ifsc.Table
	UpdatedBy string // the operator's name
	UpdatedAt time.Time

	inUse *ifsc.Table // nil: the release's, which is read when it is first asked for
	mark  store.GetIFSCMarkRow
}

// Table is the table to look codes up in.
func (b Branches) Table() *ifsc.Table {
	if b.inUse == nil {
		return ifsc.Embedded()
	}
	return b.inUse
}

// LoadBranches reads the stored table. One that before has already isn't read again. With ErrBranchesUnreadable, the
// branches are the release's.
func LoadBranches(ctx context.Context, q *store.Queries, before Branches) (Branches, error) {
	mark, err := q.GetIFSCMark(ctx)
	switch {
	case isNoRows(err):
		return Branches{}, nil
	case err != nil:
		return Branches{}, fmt.Errorf("read bank branches: %w", err)
	case mark == before.mark:
		return before, nil
	}
	row, err := q.GetIFSCTable(ctx)
	switch {
	case isNoRows(err): // it was taken back since
		return Branches{}, nil
	case err != nil:
		return Branches{}, fmt.Errorf("read bank branches: %w", err)
	}
	// The mark is that of the row that was read, which may be newer than the one above.
	b := Branches{UpdatedBy: row.Name, UpdatedAt: fromMicro(row.UpdatedAt), mark: store.GetIFSCMarkRow{Source: row.Source, Branches: row.Branches, UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt}}
	stored, err := ifsc.Read(bytes.NewReader(row.File))
	if err != nil {
		return b, fmt.Errorf("%w (%w)", ErrBranchesUnreadable, err)
	}
	b.Stored, b.inUse = stored, stored.Over(ifsc.Embedded())
	return b, nil
}

// Branches are the codes of bank branches that this directory knows.
func (d *Directory) Branches() Branches { return d.branches }

func (l *loader) branchRows(ctx context.Context) error {
	known, err := LoadBranches(ctx, l.q, l.before.branches)
	if errors.Is(err, ErrBranchesUnreadable) {
		l.log.LogAttrs(ctx, slog.LevelError, "ifsc.unreadable", slog.Any("error", err))
		err = nil
	}
	l.d.branches = known
	return err
}

// StoreBranches puts a table over the release's, instead of one that was stored before. Every server uses it within a second.
func (g *Gateway) StoreBranches(ctx context.Context, by Operator, t *ifsc.Table) error {
	var file bytes.Buffer
	if err := t.Write(&file); err != nil {
		return invalid(err)
	}
	return g.changeRail(ctx, func(b *batch) error {
		at := b.now.UnixMicro()
		before, err := b.q.GetIFSCMark(b.ctx)
		switch {
		case err == nil:
			at = max(at, before.UpdatedAt+1) // so that servers see another table, whatever the clock does
		case !isNoRows(err):
			return fmt.Errorf("read bank branches: %w", err)
		}
		err = b.q.SetIFSCTable(b.ctx, store.SetIFSCTableParams{
			File: file.Bytes(), Source: t.Source(), Branches: int64(t.Branches()), UpdatedBy: by.ID, UpdatedAt: at,
		})
		if err != nil {
			return fmt.Errorf("store bank branches: %w", err)
		}
		return b.audit(by.actor(), "ifsc.updated", subjectIFSC, fmt.Sprintf("%d branches from %s", t.Branches(), t.Source()))
	})
}

// ClearBranches goes back to the release's table. cleared is false when nothing was stored.
func (g *Gateway) ClearBranches(ctx context.Context, by Operator) (cleared bool, err error) {
	err = g.changeRail(ctx, func(b *batch) error {
		removed, err := b.q.DeleteIFSCTable(b.ctx)
		if err != nil {
			return fmt.Errorf("remove bank branches: %w", err)
		}
		if cleared = removed > 0; !cleared {
			return nil
		}
		return b.audit(by.actor(), "ifsc.cleared", subjectIFSC, "")
	})
	return cleared && err == nil, err
}
