package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/evidence/statement"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/wallet"
)

const (
	// mostStated bounds the rows with a reference of a payout that one import keeps in memory: what a row says of a withdrawal
	// depends on all others of its reference, wherever they stand in the file.
	mostStated = 50_000
	// stateChunk is how many withdrawals are looked at between two steps of the progress bar.
	stateChunk = 50
)

// statedDoc is a withdrawal that a statement tells of.
type statedDoc struct {
	ID        int64  `json:"id"`
	Reference string `json:"reference"`
	Result    string `json:"result"` // paid, returned, conflict
	State     string `json:"state"`  // as it is now
	UTR       string `json:"utr,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// openImporter opens the installation for an import. Who has an operator key is named in the audit log for the withdrawals
// that end by it; nobody needs one.
func (a *app) openImporter(c *cobra.Command) (*admin, *gateway.Operator, error) {
	if a.variable(operatorVariable) == "" && a.variable(operatorFileVariable) == "" {
		ad, err := a.openAdmin(c)
		return ad, nil, err
	}
	ad, by, err := a.openOperator(c)
	return ad, &by, err
}

// statedRows gathers the rows of a statement with references of payouts.
type statedRows struct {
	none     bool // invented money: no real withdrawal is on it
	rows     int
	limit    int // of rows
	payouts  []gateway.StatedPayout
	position map[string]int // of a reference in payouts
	waiting  []waitingRow
}

// waitingRow is money that came in with a reference of a payout: whether it is a payer's depends on the withdrawal.
type waitingRow struct {
	item       gateway.EvidenceItem
	row        statement.Row
	references []string
}

func newStatedRows(account wallet.Account) statedRows {
	return statedRows{none: account.Sandbox, limit: mostStated, position: map[string]int{}}
}

// take keeps a row that carries a reference. waits: what the row is evidence of is decided after the whole file was read.
func (s *statedRows) take(row statement.Row, item gateway.EvidenceItem, kind rowKind) (waits bool, err error) {
	references := payout.References(row.Narration + " " + row.References)
	if len(references) == 0 || s.none {
		return false, nil
	}
	if s.rows++; s.rows > s.limit {
		return false, fmt.Errorf("more than %d rows have a withdrawal's reference: import the statement in parts, without parting a payment from its return", s.limit)
	}
	entry := row.PayoutEntry(len(references))
	for _, reference := range references {
		at, known := s.position[reference]
		if !known {
			at = len(s.payouts)
			s.position[reference] = at
			s.payouts = append(s.payouts, gateway.StatedPayout{Reference: reference})
		}
		s.payouts[at].Entries = append(s.payouts[at].Entries, entry)
	}
	if waits = kind == rowEvidence && entry.Way == payout.In; waits {
		s.waiting = append(s.waiting, waitingRow{item, row, references})
	}
	return waits, nil
}

// settle tells the gateway what the whole statement says of withdrawals, and then what the rows that waited for that are
// evidence of.
func (im *importing) settle(ctx context.Context, news func(done, total int64)) error {
	results := map[string]gateway.StatedResult{}
	all := im.payouts.payouts
	for at := 0; at < len(all); at += stateChunk {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		news(int64(at), int64(len(all)))
		stated, err := im.state(ctx, all[at:min(at+stateChunk, len(all))])
		if err != nil {
			return err
		}
		for _, r := range stated {
			results[r.Reference] = r
			im.done.countStated(r)
		}
	}
	for _, w := range im.payouts.waiting {
		for _, reference := range w.references {
			if r := results[reference]; r.ID != 0 && w.row.Amount == r.Amount {
				w.item = returned(w.item, w.row, r)
			}
		}
		im.chunk = append(im.chunk, w.item)
		if err := im.flushFull(ctx); err != nil {
			return err
		}
	}
	return im.flush(ctx)
}

// returned is what money that looks like a payout's return is evidence of: of no deposit. By the bank's own number it is the
// payout's, and nobody may claim that; else a payer may have written it, and nothing that he writes stops others' deposits.
func returned(item gateway.EvidenceItem, row statement.Row, r gateway.StatedResult) gateway.EvidenceItem {
	plain := gateway.EvidenceItem{
		SourceID: item.SourceID, AccountID: item.AccountID, Rail: item.Rail, ReceivedAt: item.ReceivedAt, Fingerprint: item.Fingerprint,
		Raw: item.Raw, Template: item.Template, Strength: item.Strength, Outcome: evidence.Refused, Reason: evidence.ReasonReversal,
	}
	if r.Back != "" && row.Number == r.Back {
		plain.Outcome, plain.Number = evidence.Reversal, row.Number
	}
	return plain
}

func (i *imported) countStated(r gateway.StatedResult) {
	switch r.Status {
	case gateway.StatedPaid:
		i.Paid++
	case gateway.StatedReturned:
		i.Returned++
	case gateway.StatedConflict:
		i.Conflicts++
	case gateway.StatedKnown:
		i.Known++
		return
	default:
		return
	}
	i.Withdrawals = append(i.Withdrawals, statedDoc{int64(r.ID), r.Reference, string(r.Status), string(r.State), r.UTR, r.Reason})
}

// writeWithdrawals tells of the withdrawals for people, those that need one last.
func (i *imported) writeWithdrawals(w io.Writer) {
	if i.Paid+i.Returned+i.Known+i.Conflicts == 0 {
		return
	}
	fmt.Fprintln(w)
	pairs(w, [2]string{"withdrawals paid", number(int64(i.Paid))}, [2]string{"withdrawals returned", number(int64(i.Returned))},
		[2]string{"withdrawals known", number(int64(i.Known))}, [2]string{"withdrawal conflicts", number(int64(i.Conflicts))})
	for _, conflicts := range []bool{false, true} {
		for _, d := range i.Withdrawals {
			switch {
			case (d.Result == string(gateway.StatedConflict)) != conflicts:
			case conflicts:
				fmt.Fprintf(w, "CONFLICT: withdrawal %d is %s (%s): %s. Look at it: galla withdrawal show %d\n", d.ID, d.State, d.Reference, d.Reason, d.ID)
			default:
				fmt.Fprintf(w, "withdrawal %d is %s (%s) %s\n", d.ID, d.State, d.Reference, d.UTR)
			}
		}
	}
}
