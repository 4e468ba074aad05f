package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// Bounds of --limit of the lists.
const (
	defaultRows = 50
	maxRows     = 1000
)

func newClaim(a *app) *cobra.Command {
	return inGroup(groupPayments, group("claim", "Payers' claims on money: see and decide them", a.claimList(), a.claimShow(),
		a.claimResolve("accept ID --reason TEXT", "Credit a held claim, with the amount that was observed", true),
		a.claimResolve("refuse ID --reason TEXT", "Refuse a held claim; the merchant learns it by repeating the claim", false),
	))
}

// page is --limit and --after of a list, which runs from the newest to the oldest.
type page struct{ rows, after int64 }

func (p *page) flags(c *cobra.Command) {
	c.Flags().Int64Var(&p.rows, "limit", defaultRows, fmt.Sprintf("rows, at most %d", maxRows))
	c.Flags().Int64Var(&p.after, "after", 0, "go on behind this id: the last one of the page before")
}

// before is the id that the page starts below.
func (p *page) before() (int64, error) {
	if p.rows < 1 || p.rows > maxRows {
		return 0, usagef("--limit: expected 1 to %d", maxRows)
	}
	if p.after < 0 {
		return 0, usagef("--after: expected an id")
	}
	if p.after == 0 {
		return math.MaxInt64, nil
	}
	return p.after, nil
}

// oneOf checks a flag that takes certain words, or nothing.
func oneOf(flag, value string, words ...string) error {
	if value == "" || slices.Contains(words, value) {
		return nil
	}
	return usagef("--%s: expected one of %s, got %q", flag, strings.Join(words, ", "), value)
}

func (a *app) claimList() *cobra.Command {
	var state, slug string
	var p page
	states := []string{string(deposit.Waiting), string(deposit.Held), string(deposit.Accepted), string(deposit.Refused), string(deposit.Expired), string(deposit.Withdrawn)}
	c := a.verb("list", "List claims, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err = errors.Join(err, oneOf("state", state, states...)); err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		query := store.ListClaimsParams{Before: before, State: state, Rows: p.rows}
		if slug != "" {
			m, err := s.Read().GetMerchant(c.Context(), slug)
			if err != nil {
				return notFound(err, "merchant", slug)
			}
			query.MerchantID = m.ID
		}
		rows, err := s.Read().ListClaims(c.Context(), query)
		if err != nil {
			return err
		}
		return a.printClaims(rows)
	})
	c.Flags().StringVar(&state, "state", "", strings.Join(states, ", "))
	c.Flags().StringVar(&slug, "merchant", "", "slug of one merchant")
	p.flags(c)
	return c
}

func (a *app) printClaims(rows []store.ListClaimsRow) error {
	docs, cells := make([]claimDoc, len(rows)), make([][]string, len(rows))
	for i, row := range rows {
		docs[i] = claimDocOf(row)
		cells[i] = docs[i].row()
	}
	return a.print(docs, func(w io.Writer) { table(w, claimHead, cells) })
}

func (a *app) claimShow() *cobra.Command {
	return a.verb("show ID", "Show a claim: verdicts with their facts, transfer, credit, postback and its attempts", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			id, err := parseID("claim", args[0])
			if err != nil {
				return err
			}
			s, _, err := a.openStore(c)
			if err != nil {
				return err
			}
			defer s.Close()
			return a.showClaim(c.Context(), s, id)
		})
}

func (a *app) claimResolve(use, short string, accept bool) *cobra.Command {
	var reason string
	c := a.verb(use, short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("claim", args[0])
		if err != nil {
			return err
		}
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason: say why, it is kept with the decision")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if _, err := ad.ResolveClaim(c.Context(), deposit.ClaimID(id), accept, ad.actor, reason); err != nil {
			return err
		}
		return a.showClaim(c.Context(), ad.store, id)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; kept with your name")
	return required(c, "reason")
}

// claimShown is everything about a claim.
type claimShown struct {
	claimDoc
	Transitions []transitionDoc `json:"transitions"`
	History     []claimDoc      `json:"history"` // other claims of the order, newest first
	Others      []claimDoc      `json:"others"`  // other claims on the number
	Transfer    *transferDoc    `json:"transfer"`
	Evidence    []evidenceDoc   `json:"evidence"` // of the transfer
	Deposit     *depositDoc     `json:"deposit"`
	Postback    *postbackDoc    `json:"postback"`
}

// depositDoc is a credit in a document.
type depositDoc struct {
	ID         int64  `json:"id"` // the wire's stockpiling_id
	ClaimID    int64  `json:"claim_id"`
	TransferID int64  `json:"transfer_id"`
	Amount     string `json:"amount"`
	Fee        string `json:"fee"`
	Currency   string `json:"currency"`
	CreatedAt  string `json:"created_at"`
}

func depositDocOf(d store.Deposit) *depositDoc {
	return &depositDoc{d.ID, d.ClaimID, d.TransferID, amountText(d.Amount, d.Currency), amountText(d.Fee, d.Currency), d.Currency, moment(d.CreatedAt)}
}

// postbackDoc is a postback in a document, with the exact body.
type postbackDoc struct {
	ID        int64        `json:"id"`
	State     string       `json:"state"`
	Attempts  []attemptDoc `json:"attempts"`
	NextAt    string       `json:"next_at,omitempty"`
	CreatedAt string       `json:"created_at"`
	EndedAt   string       `json:"ended_at,omitempty"`
	Body      string       `json:"body"`
	Damaged   string       `json:"damaged,omitempty"` // why the body can't be read, and nothing is sent
}

// attemptDoc is one attempt to deliver a postback.
type attemptDoc struct {
	Number    int16  `json:"number"`
	StartedAt string `json:"started_at"`
	Millis    int64  `json:"milliseconds"`
	Status    int16  `json:"status"` // HTTP status, 0: no answer
	Address   string `json:"address,omitempty"`
	TLS       string `json:"tls,omitempty"`
	Failure   string `json:"failure,omitempty"` // kind of error, such as forbidden_address
	Error     string `json:"error,omitempty"`
	Answer    string `json:"answer"`            // its first 4 KiB
	NextAt    string `json:"next_at,omitempty"` // of the try that followed from it
}

func attemptDocOf(try store.PostbackAttempt) attemptDoc {
	return attemptDoc{
		Number: try.Number, StartedAt: moment(try.StartedAt), Millis: try.Duration / 1000, Status: try.Status, Address: try.Address,
		TLS: try.Tls, Failure: try.Failure, Error: try.Error, Answer: string(try.Answer), NextAt: optionalMoment(try.NextAt),
	}
}

// write is one attempt for a terminal. Its error and answer are what a stranger's server said.
func (d attemptDoc) write(w io.Writer) {
	status := "no answer"
	if d.Status != 0 {
		status = fmt.Sprintf("HTTP %d", d.Status)
	}
	fmt.Fprintf(w, "  %d  %s  %d ms  %s  %s  %s", d.Number, d.StartedAt, d.Millis, dash(d.Address), dash(d.TLS), status)
	if d.NextAt != "" {
		fmt.Fprintf(w, "  next %s", d.NextAt)
	}
	fmt.Fprintln(w)
	if d.Failure != "" || d.Error != "" {
		fmt.Fprintf(w, "     %s: %s\n", dash(d.Failure), printable(d.Error))
	}
	if d.Answer != "" {
		fmt.Fprintf(w, "     %s\n", strconv.Quote(d.Answer))
	}
}

func (a *app) showClaim(ctx context.Context, s *store.Store, id int64) error {
	q := s.Read()
	row, err := q.GetClaim(ctx, id)
	if err != nil {
		return notFound(err, "claim", id)
	}
	doc := claimShown{claimDoc: claimDocOf(store.ListClaimsRow(row)), History: []claimDoc{}, Others: []claimDoc{}, Evidence: []evidenceDoc{}}
	if err := doc.related(ctx, q, row); err != nil {
		return err
	}
	moves, err := q.ListTransitions(ctx, store.ListTransitionsParams{Kind: "claim", SubjectID: id})
	if err != nil {
		return err
	}
	var transfer int64
	if doc.Transfer != nil {
		transfer = doc.Transfer.ID
	}
	for i := range moves {
		moves[i].Facts = gateway.ReadFacts(moves[i].Facts, transfer, row.Amount)
	}
	doc.Transitions = transitionDocs(moves)
	if err := doc.credit(ctx, q); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { writeClaim(w, doc) })
}

// related finds what else there is of the order and on the number.
func (doc *claimShown) related(ctx context.Context, q *store.Queries, row store.GetClaimRow) error {
	history, err := q.ListOrderClaims(ctx, store.ListOrderClaimsParams{MerchantID: row.MerchantID, OrderID: row.OrderID})
	if err != nil {
		return err
	}
	for _, other := range history {
		if other.ID != row.ID {
			doc.History = append(doc.History, claimDocOf(store.ListClaimsRow(other)))
		}
	}
	if !row.ReferenceID.Valid {
		return nil
	}
	others, err := q.ListClaimsOfReference(ctx, row.ReferenceID)
	for _, other := range others {
		if other.MerchantID != row.MerchantID || other.OrderID != row.OrderID {
			doc.Others = append(doc.Others, claimDocOf(store.ListClaimsRow(other)))
		}
	}
	if err != nil {
		return err
	}
	transfer, err := q.GetTransferOfReference(ctx, row.ReferenceID.Int64)
	if err == nil {
		seen := transferDocOf(store.ListTransfersRow(transfer))
		doc.Transfer = &seen
	} else if err = ignoreNoRows(err); err != nil {
		return err
	}
	told, err := q.ListEvidenceOfReference(ctx, row.ReferenceID)
	for _, e := range told {
		doc.Evidence = append(doc.Evidence, evidenceDocOf(e))
	}
	return err
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// credit finds the deposit and its postback.
func (doc *claimShown) credit(ctx context.Context, q *store.Queries) error {
	d, err := q.GetDepositOfClaim(ctx, doc.ID)
	if err != nil {
		return ignoreNoRows(err)
	}
	doc.Deposit = depositDocOf(d)
	p, err := q.GetPostback(ctx, store.GetPostbackParams{Kind: "deposit", SubjectID: d.ID})
	if err != nil {
		return ignoreNoRows(err)
	}
	body, damage := postback.StoredBody(p.ID, p.Body, p.Packed)
	doc.Postback = &postbackDoc{
		ID: p.ID, State: p.State, CreatedAt: moment(p.CreatedAt), EndedAt: optionalMoment(p.EndedAt), Body: string(body), Attempts: []attemptDoc{},
	}
	if damage != nil {
		doc.Postback.Damaged = damage.Error()
	}
	if p.State == "pending" {
		doc.Postback.NextAt = moment(p.NextAt)
	}
	attempts, err := q.ListPostbackAttempts(ctx, p.ID)
	for _, try := range attempts {
		doc.Postback.Attempts = append(doc.Postback.Attempts, attemptDocOf(try))
	}
	return err
}

func transitionDocs(rows []store.Transition) []transitionDoc {
	docs := make([]transitionDoc, len(rows))
	for i, row := range rows {
		docs[i] = transitionDoc{From: row.FromState, To: row.ToState, At: moment(row.At), Actor: row.Actor, Reason: row.Reason, at: row.At, facts: row.Facts}
		if json.Valid([]byte(row.Facts)) {
			docs[i].Facts = json.RawMessage(row.Facts)
		}
	}
	return docs
}

func writeClaim(w io.Writer, doc claimShown) {
	until := ""
	if doc.UntilEvidence {
		until = "more evidence ends it by itself"
	}
	pairs(w, [2]string{"claim", number(doc.ID)}, [2]string{"state", doc.State}, [2]string{"reason", doc.Reason}, [2]string{"held", until},
		[2]string{"merchant", doc.Merchant}, [2]string{"order", doc.OrderID}, [2]string{"payer", doc.Payer}, [2]string{"method", doc.Method},
		[2]string{"number", doc.Number}, [2]string{"amount", doc.Amount + " " + doc.Currency}, [2]string{"credited", doc.Credited},
		[2]string{"created", doc.CreatedAt}, [2]string{"expires", doc.ExpiresAt})
	section(w, "decisions", transitionHead, doc.Transitions)
	if doc.Transfer != nil {
		section(w, "transfer", transferHead, []transferDoc{*doc.Transfer})
	}
	section(w, "evidence", evidenceHead, doc.Evidence)
	if d := doc.Deposit; d != nil {
		fmt.Fprintf(w, "\ncredit %d: %s %s, fee %s, at %s\n", d.ID, d.Amount, d.Currency, d.Fee, d.CreatedAt)
	}
	if p := doc.Postback; p != nil {
		fmt.Fprintf(w, "\npostback %d: %s, %d attempts\n%s\n", p.ID, p.State, len(p.Attempts), printable(cmp.Or(p.Damaged, p.Body)))
		for _, try := range p.Attempts {
			try.write(w)
		}
	}
	section(w, "other claims of the order", claimHead, doc.History)
	section(w, "other claims on the number", claimHead, doc.Others)
}

// section writes rows under a title; nothing when there are none.
func section[T interface{ row() []string }](w io.Writer, title string, head []string, docs []T) {
	if len(docs) == 0 {
		return
	}
	rows := make([][]string, len(docs))
	for i, doc := range docs {
		rows[i] = doc.row()
	}
	fmt.Fprintf(w, "\n%s\n", title)
	table(w, head, rows)
}
