package gateway

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla/internal/store"
)

// Codes of the refusals of administration.
const (
	CodeInvalid  = "invalid"   // a value that can't be
	CodeTaken    = "taken"     // the name or number is in use
	CodeNotFound = "not_found" // nothing of that name or id
	CodeConflict = "conflict"  // doesn't go with what is stored
)

// maxPersonName bounds holders, merchants' names, banks and the like, in characters.
const maxPersonName = 100

// Simulated tells whether the database was made by galla demo. A database without installation is live.
func Simulated(ctx context.Context, s *store.Store) (bool, error) {
	row, err := s.Read().GetInstallation(ctx)
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read installation: %w", err)
	}
	return row.Simulated == 1, nil
}

// change runs one act of administration in a transaction and reloads the directory. The revision is moved first: its
// row makes such acts follow one another, so what f reads can't change before the commit, and every running server
// notices the act.
//
// The act is in the audit log with what entry then says; one that says no act changed nothing.
func (g *Gateway) change(ctx context.Context, entry *auditEntry, f func(context.Context, *store.Queries) error) error {
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		if err := q.BumpRevision(ctx); err != nil {
			return fmt.Errorf("move revision: %w", err)
		}
		if err := f(ctx, q); err != nil || entry.act == "" {
			return err
		}
		return g.appendAudit(ctx, q, g.now(), g.actor(), *entry)
	})
	if err != nil {
		return err
	}
	return g.Reload(ctx)
}

// completeLedger adds the ledger accounts that a newer version has and those before it hadn't.
func (g *Gateway) completeLedger(ctx context.Context) error {
	missing, err := g.store.Read().ListMissingLedgerAccounts(ctx)
	if err != nil {
		return fmt.Errorf("list ledger accounts: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	return g.write(ctx, ensureLedger)
}

// ensureLedger adds the ledger accounts that merchants and receiving accounts lack: receiving and unclaimed for every
// account; for every merchant its balance and its fees in each currency that it can be paid in, and what withdrawals need.
func ensureLedger(ctx context.Context, q *store.Queries) error {
	missing, err := q.ListMissingLedgerAccounts(ctx)
	if err != nil {
		return fmt.Errorf("list ledger accounts: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	first, err := reserve(ctx, q, "ledger_account", int64(len(missing)))
	if err != nil {
		return fmt.Errorf("reserve ledger accounts: %w", err)
	}
	for i, m := range missing {
		err := q.EnsureLedgerAccount(ctx, store.EnsureLedgerAccountParams{ID: first + int64(i), Kind: m.Kind, OwnerID: m.OwnerID, Currency: m.Currency})
		if err != nil {
			return fmt.Errorf("add ledger account: %w", err)
		}
	}
	return nil
}

// checkName checks a name for people.
func checkName(what, name string) error { return checkLine(what, name, maxPersonName) }

// checkLine checks a text for people: printable, not empty, at most so many characters.
func checkLine(what, text string, most int) error {
	switch {
	case strings.TrimSpace(text) != text || text == "":
		return refuse(CodeInvalid, "%s: expected 1 to %d characters without spaces around them", what, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return refuse(CodeInvalid, "%s: has characters that can't be printed", what)
	case utf8.RuneCountInString(text) > most:
		return refuse(CodeInvalid, "%s: longer than %d characters", what, most)
	}
	return nil
}

// invalid makes the refusal of a value from the error of the check that it failed.
func invalid(err error) error { return refuse(CodeInvalid, "%s", err.Error()) }

// Setting is one key=value of a set command.
type Setting struct{ Key, Value string }

// ParseSettings reads key=value texts.
func ParseSettings(texts []string) ([]Setting, error) {
	settings := make([]Setting, len(texts))
	for i, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, refuse(CodeInvalid, "%q: expected key=value", text)
		}
		settings[i] = Setting{key, value}
	}
	return settings, nil
}
