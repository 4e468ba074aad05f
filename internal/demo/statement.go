package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/internal/evidence/statement"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// statement is what galla import does with the bank's statement of the day, on which the lost payment stands.
func (p *play) statement(ctx context.Context, id withdrawal.ID) error {
	reference := payout.Reference(int64(id))
	entry, _ := p.provider.Entry(reference)
	now := p.now()
	file := fmt.Sprintf("Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL\n%s,-,IMPS/P2A/%s/%s/%s,%s,,10000.00,248\n",
		now.In(bank.India).Format("02-01-2006"), entry.UTR, reference, "Meena Iyer/ICIC", entry.Amount.Fixed())
	p.tell("operator", "galla import statement.csv --wallet 1", file)
	rows, err := statement.Open(strings.NewReader(file), "statement.csv", statement.Options{Received: now, Currency: entry.Amount.Currency})
	if err != nil {
		return err
	}
	wallet, ok := p.instance.Gateway.Directory().Wallet(1)
	if !ok {
		return errors.New("the demo has no wallet 1")
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		references := payout.References(row.Narration)
		for _, found := range references {
			stated := gateway.StatedPayout{Reference: found, Entries: []payout.Entry{row.PayoutEntry(len(references))}}
			results, err := p.instance.Gateway.StatePayouts(ctx, nil, wallet.AccountID, []gateway.StatedPayout{stated}, false)
			if err != nil {
				return err
			}
			p.expect(results[0].ID == id && results[0].Status == gateway.StatedPaid, "the statement should settle withdrawal %d, it is %+v", id, results[0])
			p.tell("Galla", fmt.Sprintf("withdrawal %d was %s by the statement, the bank's number is %s", results[0].ID, results[0].Status, results[0].UTR))
		}
	}
}
