package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// books reads the ledger as far as it has been told.
type books struct {
	q    *store.Queries
	last int64 // entry that was told last
}

// posting is one line of the ledger.
type posting struct {
	event string // what it records, with its id
	kind  ledger.EventKind
	text  string
}

// news are the postings since the last call.
func (b *books) news(ctx context.Context) ([]posting, error) {
	ranges, err := b.q.GetHighestIDs(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := b.q.ListPostings(ctx, store.ListPostingsParams{After: b.last, Until: ranges.Entries})
	if err != nil {
		return nil, err
	}
	b.last = ranges.Entries
	slices.SortFunc(rows, func(x, y store.ListPostingsRow) int {
		if x.EntryID != y.EntryID {
			return int(x.EntryID - y.EntryID)
		}
		return int(x.Line - y.Line)
	})
	list := make([]posting, len(rows))
	for i, row := range rows {
		list[i] = posting{
			event: fmt.Sprintf("%s %d", strings.ReplaceAll(row.Kind, "_", " "), row.EventID), kind: ledger.EventKind(row.Kind),
			text: fmt.Sprintf("%s: %s → %s", rupees(row.Amount), ownerName(row.SourceKind, row.SourceOwner), ownerName(row.DestinationKind, row.DestinationOwner)),
		}
	}
	return list, nil
}

// ownerName names a ledger account for people. There is one merchant only.
func ownerName(kind string, owner int64) string {
	switch ledger.AccountKind(kind) {
	case ledger.Receiving:
		return fmt.Sprintf("bank account %d", owner)
	case ledger.Unclaimed:
		return fmt.Sprintf("unclaimed on account %d", owner)
	case ledger.Merchant:
		return "owed to " + slug
	case ledger.Fees:
		return "fees of " + slug
	case ledger.Reserved:
		return "reserved of " + slug
	case ledger.PaidOut:
		return "paid out for " + slug
	}
	return kind
}

// balances are the sums by kind of account, in minor units.
func (b *books) balances(ctx context.Context) (map[ledger.AccountKind]int64, error) {
	rows, err := b.q.ListBalances(ctx)
	sums := map[ledger.AccountKind]int64{}
	for _, row := range rows {
		sums[ledger.AccountKind(row.Kind)] += row.Balance
	}
	return sums, err
}

func balanceText(sums map[ledger.AccountKind]int64) string {
	text := fmt.Sprintf("owed to %s %s · fees %s · unclaimed %s · came in %s", slug, rupees(sums[ledger.Merchant]),
		rupees(sums[ledger.Fees]), rupees(sums[ledger.Unclaimed]), rupees(-sums[ledger.Receiving]))
	if sums[ledger.Reserved] != 0 || sums[ledger.PaidOut] != 0 {
		text += fmt.Sprintf(" · reserved %s · paid out %s", rupees(sums[ledger.Reserved]), rupees(sums[ledger.PaidOut]))
	}
	return text
}

func rupees(minor int64) string {
	return "₹" + money.Money{Minor: minor, Currency: money.INR}.Fixed()
}

// audit tells what an audit of the whole database finds.
func (s *story) audit(ctx context.Context, from *store.Store) error {
	report, err := gateway.Audit(ctx, from, oracle.Options{})
	if err != nil {
		return err
	}
	for _, check := range report.Checks {
		word := s.paint(green, "ok")
		if check.Failed > 0 {
			word = s.paint(red, "wrong")
		}
		s.tell(check.ID, fmt.Sprintf("%s   %s (%d compared)", word, check.What, check.Checked))
		s.expect(check.Failed == 0, "%s fails %d times: %s", check.ID, check.Failed, strings.Join(check.Examples, "; "))
	}
	return nil
}
