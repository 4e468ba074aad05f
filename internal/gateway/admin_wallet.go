package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// NewWallet is what an operator says of a wallet.
type NewWallet struct {
	Method      string
	Identifier  string
	Currency    money.Currency // "": the method's
	Holder      string
	AccountType string
	Merchants   []string         // slugs; none: the wallet serves all
	AccountID   wallet.AccountID // 0: a new receiving account
	Tails       []string         // last digits by which messages name the account
	DailyAmount string           // decimal text, "" for no limit
	DailyCount  int64            // 0 for no limit
	Sandbox     bool             // implied by sandbox merchants
}

// AddWallet adds a wallet, and its receiving account unless one is named. Wallets on one account have one currency and
// one rail, and are all live or all sandbox.
func (g *Gateway) AddWallet(ctx context.Context, w NewWallet) (wallet.Wallet, error) {
	m, limit, err := w.check()
	if err != nil {
		return wallet.Wallet{}, err
	}
	added := wallet.Wallet{
		AccountID: w.AccountID, Sandbox: w.Sandbox, Method: m.Name, Identifier: w.Identifier, AccountType: w.AccountType,
		Currency: m.Currency, Holder: w.Holder, State: wallet.Active, DailyAmount: limit, DailyCount: w.DailyCount, CreatedAt: g.now(),
	}
	var entry auditEntry
	err = g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) error {
		merchants, sandbox, err := servedMerchants(ctx, q, w)
		if err != nil {
			return err
		}
		added.Sandbox, added.AccountID = sandbox, w.AccountID
		if err := checkUnused(ctx, q, w); err != nil {
			return err
		}
		if err := g.chooseAccount(ctx, q, m, w.Tails, &added); err != nil {
			return err
		}
		if err := insertWallet(ctx, q, &added, merchants); err != nil {
			return err
		}
		entry = auditEntry{"wallet.added", walletSubject(added.ID), added.Method + " " + added.Identifier}
		return ensureLedger(ctx, q)
	})
	return added, err
}

// check checks what can be without the database. limit is the daily amount in minor units.
func (w NewWallet) check() (m method.Method, limit int64, err error) {
	m, ok := method.Lookup(w.Method)
	if !ok {
		return m, 0, refuse(CodeInvalid, "method: there is no %q; there are %s", w.Method, depositMethods())
	}
	if err := m.CheckIdentifier(w.Identifier); err != nil {
		return m, 0, invalid(fmt.Errorf("%s: %w", w.Method, err))
	}
	if w.Currency != "" && w.Currency != m.Currency {
		return m, 0, refuse(CodeInvalid, "currency: %s takes %s", m.Name, m.Currency)
	}
	if w.AccountType != "" && !slices.Contains(m.AccountTypes, w.AccountType) {
		if len(m.AccountTypes) == 0 {
			return m, 0, refuse(CodeInvalid, "account type: %s has none", m.Name)
		}
		return m, 0, refuse(CodeInvalid, "account type: expected one of %s", strings.Join(m.AccountTypes, ", "))
	}
	if w.DailyCount < 0 {
		return m, 0, refuse(CodeInvalid, "daily count: expected 0 (no limit) or more")
	}
	limit, err = parseLimit(w.DailyAmount, m.Currency)
	return m, limit, errors.Join(err, checkName("holder", w.Holder), checkTails(w.Tails))
}

func depositMethods() string {
	var names []string
	for _, m := range method.All() {
		if !m.WithdrawalOnly {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, ", ")
}

// parseLimit reads a daily amount; "" and 0 are no limit.
func parseLimit(text string, c money.Currency) (int64, error) {
	if text == "" {
		return 0, nil
	}
	limit, err := money.Parse(text, c)
	if err != nil {
		return 0, refuse(CodeInvalid, "daily amount: %v", err)
	}
	if limit.Minor < 0 {
		return 0, refuse(CodeInvalid, "daily amount: expected 0 (no limit) or more")
	}
	return limit.Minor, nil
}

var tailShape = regexp.MustCompile(`^[0-9]{2,18}$`)

// maxTails is how many account tails one receiving account may have.
const maxTails = 20

func checkTails(tails []string) error {
	if len(tails) > maxTails {
		return refuse(CodeInvalid, "account tails: at most %d", maxTails)
	}
	for _, tail := range tails {
		if !tailShape.MatchString(tail) {
			return refuse(CodeInvalid, "account tail %q: expected the last 2 to 18 digits of the account, such as 2536", tail)
		}
	}
	return nil
}

// servedMerchants finds the merchants that a wallet is for, and whether they, and so it, are sandbox.
func servedMerchants(ctx context.Context, q *store.Queries, w NewWallet) (ids []int64, sandbox bool, err error) {
	sandbox = w.Sandbox
	var first string
	for _, slug := range w.Merchants {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return nil, false, err
		}
		switch is := row.Sandbox == 1; {
		case first == "" && w.Sandbox && !is:
			return nil, false, refuse(CodeConflict, "merchant %s is live: it can't have a sandbox wallet", slug)
		case first == "":
			first, sandbox = slug, is
		case is != sandbox:
			return nil, false, refuse(CodeConflict, "merchants %s and %s: one is live, one is sandbox; no wallet serves both", first, slug)
		}
		if !slices.Contains(ids, row.ID) {
			ids = append(ids, row.ID)
		}
	}
	return ids, sandbox, nil
}

func checkUnused(ctx context.Context, q *store.Queries, w NewWallet) error {
	other, err := q.FindWallet(ctx, store.FindWalletParams{Method: w.Method, Identifier: w.Identifier})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for wallet: %w", err)
	}
	return refuse(CodeTaken, "wallet %d is %s %s already; retire it first, or use it", other.ID, w.Method, w.Identifier)
}

// chooseAccount makes the wallet's receiving account, or checks the one that was named and adds tails to it.
func (g *Gateway) chooseAccount(ctx context.Context, q *store.Queries, m method.Method, tails []string, w *wallet.Wallet) error {
	if w.AccountID != 0 {
		return joinAccount(ctx, q, m, tails, w)
	}
	id, err := reserve(ctx, q, "receiving_account", 1)
	if err != nil {
		return fmt.Errorf("reserve account: %w", err)
	}
	err = q.InsertReceivingAccount(ctx, store.InsertReceivingAccountParams{
		ID: id, Sandbox: flag(w.Sandbox), Currency: string(w.Currency), Rail: int16(m.Rail), Holder: w.Holder,
		Tails: tailsText(tails), CreatedAt: w.CreatedAt.UnixMicro(),
	})
	if err != nil {
		return fmt.Errorf("add account: %w", err)
	}
	w.AccountID = wallet.AccountID(id)
	return nil
}

func joinAccount(ctx context.Context, q *store.Queries, m method.Method, tails []string, w *wallet.Wallet) error {
	row, err := q.GetReceivingAccount(ctx, int64(w.AccountID))
	switch {
	case isNoRows(err):
		return refuse(CodeNotFound, "no receiving account %d: galla wallet list shows them", w.AccountID)
	case err != nil:
		return fmt.Errorf("read account: %w", err)
	case row.Currency != string(w.Currency):
		return refuse(CodeConflict, "account %d has %s, %s takes %s", row.ID, row.Currency, m.Name, w.Currency)
	case row.Rail != int16(m.Rail):
		return refuse(CodeConflict, "account %d has the transaction numbers of %s, %s has those of %s", row.ID, method.Rail(row.Rail), m.Name, m.Rail)
	case (row.Sandbox == 1) != w.Sandbox:
		return refuse(CodeConflict, "account %d: one of account and wallet is live, the other sandbox", row.ID)
	}
	if len(tails) == 0 {
		return nil
	}
	var known []string
	if err := json.Unmarshal([]byte(row.Tails), &known); err != nil {
		return fmt.Errorf("account %d: tails: %w", row.ID, err)
	}
	return setTails(ctx, q, row.ID, append(known, tails...))
}

func setTails(ctx context.Context, q *store.Queries, account int64, tails []string) error {
	slices.Sort(tails)
	tails = slices.Compact(tails)
	if err := checkTails(tails); err != nil {
		return err
	}
	return q.SetAccountTails(ctx, store.SetAccountTailsParams{ID: account, Tails: tailsText(tails)})
}

func tailsText(tails []string) string {
	if len(tails) == 0 {
		return "[]"
	}
	return jsonText(tails)
}

func insertWallet(ctx context.Context, q *store.Queries, w *wallet.Wallet, merchants []int64) error {
	id, err := reserve(ctx, q, "wallet", 1)
	if err != nil {
		return fmt.Errorf("reserve wallet: %w", err)
	}
	err = q.InsertWallet(ctx, store.InsertWalletParams{
		ID: id, AccountID: int64(w.AccountID), Sandbox: flag(w.Sandbox), Method: w.Method, Identifier: w.Identifier,
		AccountType: w.AccountType, Currency: string(w.Currency), Holder: w.Holder, DailyAmountLimit: limitColumn(w.DailyAmount),
		DailyCountLimit: limitColumn(w.DailyCount), CreatedAt: w.CreatedAt.UnixMicro(),
	})
	if err != nil {
		return fmt.Errorf("add wallet: %w", err)
	}
	w.ID = wallet.ID(id)
	for _, merchantID := range merchants {
		err := q.InsertWalletMerchant(ctx, store.InsertWalletMerchantParams{WalletID: id, MerchantID: merchantID, Sandbox: flag(w.Sandbox)})
		if err != nil {
			return fmt.Errorf("add wallet's merchant: %w", err)
		}
	}
	return nil
}

// limitColumn stores no limit as NULL.
func limitColumn(limit int64) sql.NullInt64 { return sql.NullInt64{Int64: limit, Valid: limit > 0} }

func getWallet(ctx context.Context, q *store.Queries, id wallet.ID) (store.Wallet, error) {
	row, err := q.GetWallet(ctx, int64(id))
	if isNoRows(err) {
		return row, refuse(CodeNotFound, "no wallet %d: galla wallet list shows them", id)
	}
	return row, err
}

func walletSubject(id wallet.ID) string { return "wallet:" + strconv.FormatInt(int64(id), 10) }

// MoveWallet pauses, resumes or retires a wallet. Money that lands on a paused or retired one still counts. Retired is
// the end: the identifier may then be added anew.
func (g *Gateway) MoveWallet(ctx context.Context, id wallet.ID, to wallet.State) error {
	return g.updateWallet(ctx, auditEntry{"wallet." + string(to), walletSubject(id), ""}, id, func(_ context.Context, _ *store.Queries, row *store.Wallet) error {
		row.State = string(to)
		return nil
	})
}

// SetWallet changes settings: daily_amount, daily_count (0 for no limit), holder, account_tails (with commas; of the
// receiving account, so of all its wallets). All hold, or none.
func (g *Gateway) SetWallet(ctx context.Context, id wallet.ID, settings []Setting) error {
	return g.updateWallet(ctx, auditEntry{"wallet.set", walletSubject(id), settingWords(settings)}, id, func(ctx context.Context, q *store.Queries, row *store.Wallet) error {
		for _, s := range settings {
			if err := setWallet(ctx, q, row, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func setWallet(ctx context.Context, q *store.Queries, row *store.Wallet, s Setting) error {
	switch s.Key {
	case "daily_amount":
		limit, err := parseLimit(s.Value, money.Currency(row.Currency))
		row.DailyAmountLimit = limitColumn(limit)
		return err
	case "daily_count":
		limit, err := strconv.ParseInt(s.Value, 10, 64)
		if err != nil || limit < 0 {
			return refuse(CodeInvalid, "daily_count: expected 0 (no limit) or more, got %q", s.Value)
		}
		row.DailyCountLimit = limitColumn(limit)
		return nil
	case "holder":
		row.Holder = s.Value
		return checkName("holder", s.Value)
	case "account_tails":
		return setTails(ctx, q, row.AccountID, strings.FieldsFunc(s.Value, func(r rune) bool { return r == ',' || r == ' ' }))
	}
	return refuse(CodeInvalid, "no setting %q; there are daily_amount, daily_count, holder, account_tails", s.Key)
}

func (g *Gateway) updateWallet(ctx context.Context, entry auditEntry, id wallet.ID, edit func(context.Context, *store.Queries, *store.Wallet) error) error {
	return g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) error {
		row, err := getWallet(ctx, q, id)
		if err != nil {
			return err
		}
		if row.State == string(wallet.Retired) {
			return refuse(CodeConflict, "wallet %d is retired; add it anew", id)
		}
		if err := edit(ctx, q, &row); err != nil {
			return err
		}
		_, err = q.UpdateWallet(ctx, store.UpdateWalletParams{
			ID: row.ID, State: row.State, DailyAmountLimit: row.DailyAmountLimit, DailyCountLimit: row.DailyCountLimit, Holder: row.Holder,
		})
		return err
	})
}
