package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

func newWithdrawal(a *app) *cobra.Command {
	return inGroup(groupPayments, group("withdrawal", "Money that leaves: see, approve and pay it", a.withdrawalList(), a.withdrawalShow(),
		a.withdrawalApprove(),
		a.withdrawalEnd("refuse ID --reason TEXT", "Refuse one that no bank was told of; the money is the merchant's again", (*gateway.Gateway).RefuseWithdrawal),
		a.withdrawalEnd("cancel ID --reason TEXT", "Cancel one that no bank was told of; the money is the merchant's again", (*gateway.Gateway).CancelWithdrawal),
		a.withdrawalClaim(), a.withdrawalSettle(), a.withdrawalExport(), a.withdrawalBatches(), a.withdrawalImport(), a.withdrawalDiscard(),
		a.withdrawalResolve(),
	))
}

// withdrawalDoc is a withdrawal in a document.
type withdrawalDoc struct {
	ID           int64  `json:"id"`
	WithdrawalID string `json:"withdrawal_id"` // the merchant's
	Merchant     string `json:"merchant"`
	State        string `json:"state"`
	Reason       string `json:"reason"`
	Amount       string `json:"amount"`
	Currency     string `json:"currency"`
	Test         bool   `json:"test"`
	Payee        string `json:"payee"`
	Account      string `json:"account_number"`
	Name         string `json:"account_name"`
	IFSC         string `json:"ifsc"`
	Warning      string `json:"warning,omitempty"`
	Rail         string `json:"rail"`
	Reference    string `json:"reference"`
	UTR          string `json:"utr,omitempty"`
	Approvals    int16  `json:"approvals_needed"`
	Hash         string `json:"hash"` // of what the bank is told
	ClaimedBy    int64  `json:"claimed_by,omitempty"`
	NotBefore    string `json:"not_before"`
	CreatedAt    string `json:"created_at"`
	DecidedAt    string `json:"decided_at"`
	NextAt       string `json:"next_at,omitempty"`
}

func withdrawalDocOf(row store.ListWithdrawalsRow) withdrawalDoc {
	ifsc := row.BankCode
	if ifsc == "" {
		ifsc = row.BranchCode
	}
	return withdrawalDoc{
		ID: row.ID, WithdrawalID: row.WithdrawalID, Merchant: row.Slug, State: row.State, Reason: row.Reason, Amount: amountText(row.Amount, row.Currency),
		Currency: row.Currency, Test: row.Test == 1, Payee: row.Payee, Account: row.AccountNumber, Name: row.AccountName, IFSC: ifsc, Warning: row.Warning,
		Rail: row.Rail, Reference: row.Reference, UTR: row.Utr, Approvals: row.Approvals, Hash: row.InstructionHash, ClaimedBy: row.ClaimedBy,
		NotBefore: moment(row.NotBefore), CreatedAt: moment(row.CreatedAt), DecidedAt: moment(row.DecidedAt), NextAt: optionalMoment(row.NextAt),
	}
}

func (a *app) withdrawalList() *cobra.Command {
	var state, slug string
	var p page
	states := make([]string, len(withdrawal.States))
	for i, s := range withdrawal.States {
		states[i] = string(s)
	}
	c := a.verb("list", "List withdrawals, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err = errors.Join(err, oneOf("state", state, states...)); err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		query := store.ListWithdrawalsParams{Before: before, State: state, Rows: p.rows}
		if slug != "" {
			m, err := s.Read().GetMerchant(c.Context(), slug)
			if err != nil {
				return notFound(err, "merchant", slug)
			}
			query.MerchantID = m.ID
		}
		rows, err := s.Read().ListWithdrawals(c.Context(), query)
		if err != nil {
			return err
		}
		docs, cells := make([]withdrawalDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			d := withdrawalDocOf(row)
			docs[i] = d
			cells[i] = []string{number(d.ID), minute(row.CreatedAt), d.Merchant, printable(d.WithdrawalID), d.State, d.Amount, d.Currency, d.Name, d.Account, d.IFSC, d.Rail}
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"id", "created", "merchant", "withdrawal", "state", "amount", "", "name", "account", "ifsc", "rail"}, cells)
		})
	})
	c.Flags().StringVar(&state, "state", "", strings.Join(states, ", "))
	c.Flags().StringVar(&slug, "merchant", "", "slug of one merchant")
	p.flags(c)
	return c
}

// approvalDoc is one person's yes.
type approvalDoc struct {
	Operator string `json:"operator"`
	Hash     string `json:"hash"`
	At       string `json:"at"`
}

func (d approvalDoc) row() []string { return []string{d.At, d.Operator, d.Hash} }

// answerDoc is what a rail or a person said became of it.
type answerDoc struct {
	At      string `json:"at"`
	Source  string `json:"source"`
	Outcome string `json:"outcome"`
	UTR     string `json:"utr,omitempty"`
	Code    string `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
	RailID  string `json:"rail_id,omitempty"`
}

func (d answerDoc) row() []string {
	return []string{d.At, d.Source, d.Outcome, dash(printable(d.UTR)), dash(printable(d.Code)), dash(printable(d.Reason))}
}

// withdrawalShown is everything about a withdrawal.
type withdrawalShown struct {
	withdrawalDoc
	Transitions []transitionDoc `json:"transitions"`
	Given       []approvalDoc   `json:"approvals"`
	Answers     []answerDoc     `json:"answers"`
	Resolution  *resolutionDoc  `json:"resolution"`
}

// resolutionDoc is what one person said became of it, until another says the same.
type resolutionDoc struct {
	Outcome     string `json:"outcome"`
	UTR         string `json:"utr,omitempty"`
	Proof       string `json:"proof"`
	ProposedBy  int64  `json:"proposed_by"`
	ProposedAt  string `json:"proposed_at"`
	ConfirmedBy int64  `json:"confirmed_by,omitempty"`
}

func (a *app) withdrawalShow() *cobra.Command {
	return a.verb("show ID", "Show a withdrawal: its moves, approvals, and what the bank said", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("withdrawal", args[0])
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.showWithdrawal(c.Context(), s, id)
	})
}

func (a *app) showWithdrawal(ctx context.Context, s *store.Store, id int64) error {
	q := s.Read()
	rows, err := q.ListWithdrawals(ctx, store.ListWithdrawalsParams{Before: id + 1, Rows: 1})
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].ID != id {
		return notFound(sql.ErrNoRows, "withdrawal", id)
	}
	doc := withdrawalShown{withdrawalDoc: withdrawalDocOf(rows[0]), Given: []approvalDoc{}, Answers: []answerDoc{}}
	moves, err := q.ListTransitions(ctx, store.ListTransitionsParams{Kind: "withdrawal", SubjectID: id})
	if err != nil {
		return err
	}
	doc.Transitions = transitionDocs(moves)
	approvals, err := q.ListApprovals(ctx, id)
	if err != nil {
		return err
	}
	for _, row := range approvals {
		doc.Given = append(doc.Given, approvalDoc{row.Name, row.InstructionHash, moment(row.At)})
	}
	answers, err := q.ListAnswers(ctx, id)
	if err != nil {
		return err
	}
	for _, row := range answers {
		doc.Answers = append(doc.Answers, answerDoc{moment(row.At), row.Source, row.Outcome, row.Utr, row.Code, row.Reason, row.RailID})
	}
	said, err := q.GetResolution(ctx, id)
	if err == nil {
		doc.Resolution = &resolutionDoc{said.Outcome, said.Utr, said.Proof, said.ProposedBy, moment(said.ProposedAt), said.ConfirmedBy.Int64}
	}
	if err := ignoreNoRows(err); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { writeWithdrawal(w, doc) })
}

func writeWithdrawal(w io.Writer, doc withdrawalShown) {
	kind := ""
	if doc.Test {
		kind = "yes: no money moves"
	}
	pairs(w, [2]string{"withdrawal", number(doc.ID)}, [2]string{"of", doc.Merchant + ", " + printable(doc.WithdrawalID)}, [2]string{"state", doc.State},
		[2]string{"reason", printable(doc.Reason)}, [2]string{"test", kind}, [2]string{"amount", doc.Amount + " " + doc.Currency},
		[2]string{"to", doc.Name}, [2]string{"account", doc.Account}, [2]string{"ifsc", doc.IFSC}, [2]string{"warning", doc.Warning},
		[2]string{"rail", doc.Rail}, [2]string{"reference", doc.Reference}, [2]string{"utr", printable(doc.UTR)},
		[2]string{"approvals", fmt.Sprintf("%d of %d", len(doc.Given), doc.Approvals)}, [2]string{"hash", doc.Hash},
		[2]string{"created", doc.CreatedAt}, [2]string{"not before", doc.NotBefore}, [2]string{"asked next", doc.NextAt})
	section(w, "moves", transitionHead, doc.Transitions)
	section(w, "approvals", []string{"at", "operator", "hash"}, doc.Given)
	section(w, "answers", []string{"at", "source", "outcome", "utr", "code", "reason"}, doc.Answers)
	if r := doc.Resolution; r != nil {
		fmt.Fprintf(w, "\noperator %d said at %s: %s %s, proof: %s\n", r.ProposedBy, r.ProposedAt, r.Outcome, r.UTR, printable(r.Proof))
		if r.ConfirmedBy == 0 {
			fmt.Fprintln(w, "It ends when another operator says the same.")
		}
	}
}

// writeInstruction is what a person types into the bank's form.
func writeInstruction(w io.Writer, i payout.Instruction) {
	pairs(w, [2]string{"pay", i.Amount.String()}, [2]string{"to", i.AccountName}, [2]string{"account", i.AccountNumber}, [2]string{"ifsc", i.IFSC},
		[2]string{"remarks", i.Reference})
}
