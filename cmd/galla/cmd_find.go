package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
)

// Bounds of a search.
const (
	// maxFound is how many rows of each table a search shows.
	maxFound = 50
	// findStretch is how many of the newest ids are searched for what only begins with the text: seconds on any database.
	findStretch = 500_000
	// maxFindText is the longest text that is looked for: the longest id of the protocol.
	maxFindText = 190
)

// foundDoc is one thing that find found.
type foundDoc struct {
	Kind   string `json:"kind"` // claim, transfer, evidence
	ID     int64  `json:"id"`
	State  string `json:"state"`
	At     string `json:"at"`
	Number string `json:"number,omitempty"`
	Amount string `json:"amount,omitempty"`
	Who    string `json:"who,omitempty"` // merchant, order and payer; the payer's account; the sender
	at     int64
}

func newFind(a *app) *cobra.Command {
	c := a.verb("find TEXT", "Find a payment by transaction number, order id, label, payer's account or credit id", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			text := strings.TrimSpace(args[0])
			if text == "" || len([]rune(text)) > maxFindText {
				return usagef("find: expected 1 to %d characters", maxFindText)
			}
			s, _, err := a.openStore(c)
			if err != nil {
				return err
			}
			defer s.Close()
			f := search{ctx: c.Context(), q: s.Read(), seen: map[string]bool{}}
			if err := f.run(text); err != nil {
				return err
			}
			slices.SortStableFunc(f.found, func(x, y foundDoc) int { return cmp.Compare(y.at, x.at) })
			return a.print(f.found, func(w io.Writer) {
				rows := make([][]string, len(f.found))
				for i, d := range f.found {
					rows[i] = []string{d.Kind, number(d.ID), d.State, minute(d.at), dash(d.Number), dash(d.Amount), d.Who}
				}
				table(w, []string{"what", "id", "state", "at", "number", "amount", "who"}, rows)
			})
		})
	c.Long = "Find looks in claims, transfers and evidence for the text itself, and among the newest 500,000 of each also for what\n" +
		"begins with it, newest first.\n" +
		"galla claim show, transfer show and evidence show tell the rest."
	return inGroup(groupPayments, c)
}

// search is one run of find.
type search struct {
	ctx   context.Context
	q     *store.Queries
	found []foundDoc
	seen  map[string]bool
}

func (f *search) add(d foundDoc) {
	key := d.Kind + number(d.ID)
	if !f.seen[key] {
		f.seen[key] = true
		f.found = append(f.found, d)
	}
}

// run looks at what indexes find at once, then at what begins with the text.
func (f *search) run(text string) error {
	f.found = []foundDoc{}
	for _, step := range []func(string) error{f.numbers, f.orders, f.credit, f.claimsByPrefix, f.transfersByPrefix, f.numbersByPrefix} {
		if err := step(text); err != nil {
			return err
		}
	}
	return nil
}

// numbers finds a whole transaction number, on every rail, typed as payers type it.
func (f *search) numbers(text string) error {
	type key struct {
		Rail   int64  `json:"rail"`
		Number string `json:"number"`
	}
	wanted := map[key]bool{}
	for _, m := range method.All() {
		wanted[key{int64(m.Rail), text}] = true
		if read, hint := m.Reference(text); hint.Code == method.HintNone {
			wanted[key{int64(m.Rail), read}] = true
		}
	}
	list := make([]key, 0, len(wanted))
	for k := range wanted {
		list = append(list, k)
	}
	rows, err := f.q.FindReferences(f.ctx, store.Rows(list))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := f.reference(row.ID, row.Number); err != nil {
			return err
		}
	}
	return nil
}

func (f *search) numbersByPrefix(text string) error {
	rows, err := f.q.FindReferencesByPrefix(f.ctx, store.FindReferencesByPrefixParams{Length: length(text), Prefix: text, Stretch: findStretch, Rows: maxFound})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := f.reference(row.ID, row.Number); err != nil {
			return err
		}
	}
	return nil
}

// length of a text in characters, as both databases count it.
func length(text string) int32 { return int32(len([]rune(text))) }

// reference adds everything on one number.
func (f *search) reference(id int64, numberText string) error {
	transfer, err := f.q.GetTransferOfReference(f.ctx, id)
	if err == nil {
		f.transfer(store.ListTransfersRow(transfer))
	} else if err = ignoreNoRows(err); err != nil {
		return err
	}
	claims, err := f.q.ListClaimsOfReference(f.ctx, nullID(id))
	for _, claim := range claims {
		f.claim(store.ListClaimsRow(claim))
	}
	if err != nil {
		return err
	}
	seen, err := f.q.ListEvidenceOfReference(f.ctx, nullID(id))
	for _, e := range seen {
		f.add(foundDoc{Kind: "evidence", ID: e.ID, State: e.Outcome, At: moment(e.ReceivedAt), Number: numberText, Who: e.Sender, at: e.ReceivedAt})
	}
	return err
}

func (f *search) claim(row store.ListClaimsRow) {
	d := claimDocOf(row)
	f.add(foundDoc{
		Kind: "claim", ID: d.ID, State: d.State, At: d.DecidedAt, Number: d.Number, Amount: d.Amount + " " + d.Currency,
		Who: d.Merchant + ", order " + d.OrderID + ", payer " + d.Payer, at: d.decided,
	})
}

func (f *search) transfer(row store.ListTransfersRow) {
	d := transferDocOf(row)
	f.add(foundDoc{
		Kind: "transfer", ID: d.ID, State: d.State, At: d.OccurredAt, Number: d.Number, Amount: d.Amount + " " + d.Currency, Who: d.Payer, at: d.occurred,
	})
}

func (f *search) orders(text string) error {
	rows, err := f.q.FindClaimsOfOrder(f.ctx, text)
	for _, row := range rows {
		f.claim(store.ListClaimsRow(row))
	}
	return err
}

// credit finds the claim and the transfer of a credit by its id, the wire's stockpiling_id.
func (f *search) credit(text string) error {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return nil
	}
	d, err := f.q.GetDeposit(f.ctx, id)
	if err != nil {
		return ignoreNoRows(err)
	}
	claim, err := f.q.GetClaim(f.ctx, d.ClaimID)
	if err != nil {
		return ignoreNoRows(err)
	}
	f.claim(store.ListClaimsRow(claim))
	transfer, err := f.q.GetTransfer(f.ctx, d.TransferID)
	if err == nil {
		f.transfer(store.ListTransfersRow(transfer))
	}
	return ignoreNoRows(err)
}

func (f *search) claimsByPrefix(text string) error {
	rows, err := f.q.FindClaims(f.ctx, store.FindClaimsParams{Length: length(text), Prefix: text, Stretch: findStretch, Rows: maxFound})
	for _, row := range rows {
		f.claim(store.ListClaimsRow(row))
	}
	return err
}

func (f *search) transfersByPrefix(text string) error {
	rows, err := f.q.FindTransfers(f.ctx, store.FindTransfersParams{Length: length(text), Prefix: text, Stretch: findStretch, Rows: maxFound})
	for _, row := range rows {
		f.transfer(store.ListTransfersRow(row))
	}
	return err
}
