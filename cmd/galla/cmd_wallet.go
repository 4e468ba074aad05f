package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

func newWallet(a *app) *cobra.Command {
	return inGroup(groupBusiness, group("wallet", "Where payers pay to", a.walletAdd(), a.walletList(), a.walletShow(), a.walletSet(),
		a.verb("pause ID", "Show it to nobody for now; money that lands on it still counts", cobra.ExactArgs(1), a.moveWallet(wallet.Paused)),
		a.verb("resume ID", "End a pause", cobra.ExactArgs(1), a.moveWallet(wallet.Active)),
		a.verb("retire ID", "Show it to nobody ever again; money that lands on it still counts", cobra.ExactArgs(1), a.moveWallet(wallet.Retired)),
	))
}

// walletDoc is a wallet in a document.
type walletDoc struct {
	ID          int64    `json:"id"`
	AccountID   int64    `json:"account_id"`
	Method      string   `json:"method"`
	Identifier  string   `json:"identifier"`
	AccountType string   `json:"account_type,omitempty"`
	Currency    string   `json:"currency"`
	Holder      string   `json:"holder"`
	State       string   `json:"state"`
	Sandbox     bool     `json:"sandbox"`
	DailyAmount string   `json:"daily_amount,omitempty"`
	DailyCount  int64    `json:"daily_count,omitempty"`
	Merchants   []string `json:"merchants"` // empty: all
	CreatedAt   string   `json:"created_at"`

	// Of show only.
	Rail    string      `json:"rail,omitempty"`
	Tails   []string    `json:"account_tails,omitempty"`
	Sources []sourceDoc `json:"sources,omitempty"`
}

func (a *app) walletAdd() *cobra.Command {
	var w gateway.NewWallet
	var currency string
	var account int64
	c := a.verb("add --method METHOD --identifier TEXT --holder NAME", "Add a wallet", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if account < 0 || c.Flags().Changed("account") && account == 0 {
			return usagef("--account: expected the number of a receiving account")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		w.Currency, w.AccountID = money.Currency(currency), wallet.AccountID(account)
		added, err := ad.AddWallet(c.Context(), w)
		if err != nil {
			return err
		}
		doc, err := walletShown(c.Context(), ad.store.Read(), int64(added.ID))
		if err != nil {
			return err
		}
		return a.print(doc, func(w io.Writer) {
			writeWallet(w, doc)
			next := "Let money be seen on it: galla source add --wallet %d --kind sms"
			if doc.Sandbox {
				next = "Invent money on it: galla sandbox pay --wallet %d --amount 500"
			}
			fmt.Fprintf(w, "\n"+next+"\n", doc.ID)
		})
	})
	f := c.Flags()
	f.StringVar(&w.Method, "method", "", "wallet type, such as phone_pe")
	f.StringVar(&w.Identifier, "identifier", "", "what payers pay to: a mobile number or a UPI address")
	f.StringVar(&currency, "currency", "", "currency (default: the method's)")
	f.StringVar(&w.Holder, "holder", "", "whose wallet it is")
	f.StringSliceVar(&w.Merchants, "merchant", nil, "slug of a merchant that it serves, repeatable (default: it serves all)")
	f.Int64Var(&account, "account", 0, "receiving account that its money lands on (default: a new one)")
	f.StringSliceVar(&w.Tails, "account-tail", nil, "last digits of the account as its messages show them, repeatable; messages about others are then refused")
	f.StringVar(&w.AccountType, "account-type", "", "of bkash, nagad and rocket: agent, personal or merchant")
	f.StringVar(&w.DailyAmount, "daily-amount", "", "show it to nobody once that much has come in on a day")
	f.Int64Var(&w.DailyCount, "daily-count", 0, "show it to nobody once that many transfers have come in on a day")
	f.BoolVar(&w.Sandbox, "sandbox", false, "its money is invented (galla sandbox pay); so are wallets for sandbox merchants")
	return required(c, "method", "identifier", "holder")
}

// walletDocs are all wallets, with the merchants they serve by slug.
func walletDocs(ctx context.Context, q *store.Queries) ([]walletDoc, error) {
	rows, err := q.ListWallets(ctx)
	if err != nil {
		return nil, err
	}
	merchants, err := q.ListMerchants(ctx)
	if err != nil {
		return nil, err
	}
	slugs := map[int64]string{}
	for _, m := range merchants {
		slugs[m.ID] = m.Slug
	}
	served := map[int64][]string{}
	links, err := q.ListWalletMerchants(ctx)
	for _, link := range links {
		served[link.WalletID] = append(served[link.WalletID], slugs[link.MerchantID])
	}
	docs := make([]walletDoc, len(rows))
	for i, w := range rows {
		docs[i] = walletDoc{
			ID: w.ID, AccountID: w.AccountID, Method: w.Method, Identifier: w.Identifier, AccountType: w.AccountType, Currency: w.Currency,
			Holder: w.Holder, State: w.State, Sandbox: w.Sandbox == 1, DailyAmount: limitText(w.DailyAmountLimit, w.Currency),
			DailyCount: w.DailyCountLimit.Int64, Merchants: append([]string{}, served[w.ID]...), CreatedAt: moment(w.CreatedAt),
		}
	}
	return docs, err
}

func (d walletDoc) serves() string {
	if len(d.Merchants) == 0 {
		return "all"
	}
	return strings.Join(d.Merchants, ",")
}

func (a *app) walletList() *cobra.Command {
	return a.verb("list", "List wallets", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		docs, err := walletDocs(c.Context(), s.Read())
		if err != nil {
			return err
		}
		return a.print(docs, func(w io.Writer) {
			var rows [][]string
			for _, d := range docs {
				rows = append(rows, []string{number(d.ID), number(d.AccountID), d.Method, d.Identifier, d.State, d.serves(), d.Currency, d.Holder})
			}
			table(w, []string{"id", "account", "method", "identifier", "state", "serves", "currency", "holder"}, rows)
		})
	})
}

// walletShown is one wallet with its account and sources.
func walletShown(ctx context.Context, q *store.Queries, id int64) (walletDoc, error) {
	docs, err := walletDocs(ctx, q)
	if err != nil {
		return walletDoc{}, err
	}
	for _, doc := range docs {
		if doc.ID != id {
			continue
		}
		account, err := q.GetReceivingAccount(ctx, doc.AccountID)
		if err != nil {
			return doc, err
		}
		doc.Rail = method.Rail(account.Rail).String()
		if err := json.Unmarshal([]byte(account.Tails), &doc.Tails); err != nil {
			return doc, fmt.Errorf("account %d: tails: %w", account.ID, err)
		}
		sources, err := q.ListSources(ctx)
		for _, s := range sources {
			if s.AccountID == doc.AccountID {
				doc.Sources = append(doc.Sources, sourceDocOf(s))
			}
		}
		return doc, err
	}
	return walletDoc{}, notFound(sql.ErrNoRows, "wallet", id)
}

func writeWallet(w io.Writer, d walletDoc) {
	kind := "live"
	if d.Sandbox {
		kind = "sandbox"
	}
	count := ""
	if d.DailyCount > 0 {
		count = number(d.DailyCount)
	}
	pairs(w, [2]string{"id", number(d.ID)}, [2]string{"account", number(d.AccountID)}, [2]string{"method", d.Method},
		[2]string{"identifier", d.Identifier}, [2]string{"account_type", d.AccountType}, [2]string{"currency", d.Currency},
		[2]string{"holder", d.Holder}, [2]string{"state", d.State}, [2]string{"kind", kind}, [2]string{"serves", d.serves()},
		[2]string{"daily_amount", d.DailyAmount}, [2]string{"daily_count", count}, [2]string{"rail", d.Rail},
		[2]string{"account_tails", strings.Join(d.Tails, ",")})
	if len(d.Sources) > 0 {
		fmt.Fprintln(w, "\nsources of the account")
		writeSources(w, d.Sources)
	}
}

func (a *app) walletShow() *cobra.Command {
	return a.verb("show ID", "Show a wallet with its account and sources", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("wallet", args[0])
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		doc, err := walletShown(c.Context(), s.Read(), id)
		if err != nil {
			return err
		}
		return a.print(doc, func(w io.Writer) { writeWallet(w, doc) })
	})
}

func (a *app) walletSet() *cobra.Command {
	c := a.verb("set ID KEY=VALUE…", "Change daily_amount, daily_count (0: no limit), holder, account_tails", cobra.MinimumNArgs(2),
		func(c *cobra.Command, args []string) error {
			settings, err := gateway.ParseSettings(args[1:])
			if err != nil {
				return err
			}
			return a.changeWallet(c, args[0], func(ad *admin, id wallet.ID) error { return ad.SetWallet(c.Context(), id, settings) })
		})
	return c
}

func (a *app) moveWallet(to wallet.State) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		return a.changeWallet(c, args[0], func(ad *admin, id wallet.ID) error { return ad.MoveWallet(c.Context(), id, to) })
	}
}

// changeWallet changes a wallet and prints it.
func (a *app) changeWallet(c *cobra.Command, text string, change func(*admin, wallet.ID) error) error {
	id, err := parseID("wallet", text)
	if err != nil {
		return err
	}
	ad, err := a.openAdmin(c)
	if err != nil {
		return err
	}
	defer ad.Close()
	if err := change(ad, wallet.ID(id)); err != nil {
		return err
	}
	doc, err := walletShown(c.Context(), ad.store.Read(), id)
	if err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { writeWallet(w, doc) })
}
