package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// paidOut: the provider pays and says so.
func (p *play) paidOut(ctx context.Context) error {
	p.chapter("6. withdrawal, paid — the shop pays a user by IMPS, through a payout provider")
	id, err := p.withdraw(ctx, sim.Payout{ID: "w-1", Payer: "user-1", Rupees: 300, Account: "501001234567", Name: "Asha Rao", IFSC: "HDFC0001234"}, "")
	if err != nil {
		return err
	}
	if err := p.until(ctx, id, withdrawal.Paid); err != nil {
		return err
	}
	p.answers(ctx, id)
	p.ledger(ctx, ledger.EventWithdrawal, ledger.EventWithdrawalEnd)
	p.ended(ctx, "w-1", id)
	return p.close(ctx)
}

// refused: there isn't enough balance.
func (p *play) refused(ctx context.Context) error {
	p.chapter("7. withdrawal, refused — the shop asks for more than it has")
	_, err := p.withdraw(ctx, sim.Payout{
		ID: "w-2", Payer: "user-2", Rupees: 5000, Account: "501001234568", Name: "Vikram Singh", IFSC: "SBIN0001234",
	}, "Insufficient balance")
	if err != nil {
		return err
	}
	p.ledger(ctx)
	return p.close(ctx)
}

// unknown: the provider pays, and nobody hears of it until the bank's statement tells.
func (p *play) unknown(ctx context.Context) error {
	p.chapter("8. withdrawal, unknown — the provider's answer is lost; it isn't paid again, the bank's statement tells that it was paid")
	p.silent.Store(true)
	defer p.silent.Store(false)
	id, err := p.withdraw(ctx, sim.Payout{ID: "w-3", Payer: "user-3", Rupees: 200, Account: "501001234569", Name: "Meena Iyer", IFSC: "ICIC0000001"}, "")
	if err != nil {
		return err
	}
	if err := p.until(ctx, id, withdrawal.Unknown); err != nil {
		return err
	}
	p.answers(ctx, id)
	p.ledger(ctx, ledger.EventWithdrawal)
	if err := p.close(ctx); err != nil {
		return err
	}
	if err := p.statement(ctx, id); err != nil {
		return err
	}
	if err := p.until(ctx, id, withdrawal.Paid); err != nil {
		return err
	}
	p.ledger(ctx, ledger.EventWithdrawalEnd)
	p.ended(ctx, "w-3", id)
	return p.close(ctx)
}

// withdraw asks for a payment to a user. refusal is the expected reason, "" when it is to be taken on; then id is its number.
func (p *play) withdraw(ctx context.Context, o sim.Payout, refusal string) (id withdrawal.ID, err error) {
	backend := sim.Backend{URL: p.apiURL(), Client: p.client}
	ok, reasons, e, err := backend.Withdraw(ctx, slug, p.payKey, o)
	if err != nil {
		return 0, err
	}
	p.exchange("shop", e)
	p.expect(ok == (refusal == "") && reasons["withdrawals_sum_amount"] == refusal, "the answer should be %q, it is %t %v", refusal, ok, reasons)
	if refusal != "" {
		return 0, nil
	}
	m, _ := p.instance.Gateway.Directory().MerchantBySlug(slug)
	row, err := p.store.Read().FindWithdrawal(ctx, store.FindWithdrawalParams{MerchantID: int64(m.ID), WithdrawalID: o.ID})
	if err != nil {
		return 0, fmt.Errorf("find withdrawal %s: %w", o.ID, err)
	}
	return withdrawal.ID(row.ID), nil
}

// until waits for a state, which the teller brings about.
func (p *play) until(ctx context.Context, id withdrawal.ID, want withdrawal.State) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		row, err := p.store.Read().GetWithdrawal(ctx, int64(id))
		if err != nil {
			return fmt.Errorf("read withdrawal %d: %w", id, err)
		}
		if withdrawal.State(row.State) == want {
			p.expect(true, "")
			p.tell("withdrawal", fmt.Sprintf("is %s, reference %s", row.State, row.Reference))
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			p.expect(false, "withdrawal %d should be %s, it is %s", id, want, row.State)
			return nil
		}
	}
}

// answers tells what the provider said, and checks its book: it paid once, whatever was heard of it.
func (p *play) answers(ctx context.Context, id withdrawal.ID) {
	rows, err := p.store.Read().ListAnswers(ctx, int64(id))
	if !p.expect(err == nil && len(rows) > 0, "the provider's answers can't be read: %v", err) {
		return
	}
	for _, row := range rows {
		p.tell("provider → Galla", fmt.Sprintf("%s %s %s", row.Outcome, row.Code, row.Reason))
	}
	count, amount := p.provider.Paid(payout.Reference(int64(id)))
	p.tell("provider", fmt.Sprintf("has in its own book: paid %d times, %s", count, rupees(amount.Minor)))
	p.expect(count == 1, "the provider should have paid once, it paid %d times", count)
}

// ended waits for the postback of a withdrawal's end and checks it.
func (p *play) ended(ctx context.Context, shopsID string, id withdrawal.ID) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := p.shop.Merchant().WaitPayout(ctx, shopsID)
	if !p.expect(err == nil, "%v", err) {
		return
	}
	p.received(got)
	entry, _ := p.provider.Entry(payout.Reference(int64(id)))
	p.expect(got.Paid && got.DepositID == int64(id) && got.Number == entry.UTR && got.Attempt == 1,
		"the postback should be the first about withdrawal %d, paid, with the bank's number %s", id, entry.UTR)
	p.orders = append(p.orders, shopsID)
}
