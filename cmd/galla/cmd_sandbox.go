package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

func newSandbox(a *app) *cobra.Command {
	return inGroup(groupPayments, group("sandbox", "Invented money for sandbox merchants", a.sandboxPay()))
}

// sandboxPaid is an invented transfer and what became of it.
type sandboxPaid struct {
	Status     string         `json:"status"` // created, or duplicate: the number was known
	TransferID int64          `json:"transfer_id"`
	Reference  string         `json:"reference"`
	Amount     string         `json:"amount"`
	Currency   string         `json:"currency"`
	Payer      string         `json:"payer"`
	WalletID   int64          `json:"wallet_id"`
	State      string         `json:"state"`    // of the transfer
	Credited   *sandboxCredit `json:"credited"` // the claim that it was credited to, if one was waiting
}

type sandboxCredit struct {
	DepositID int64  `json:"deposit_id"`
	ClaimID   int64  `json:"claim_id"`
	Merchant  string `json:"merchant"`
	OrderID   string `json:"order_id"`
}

func (a *app) sandboxPay() *cobra.Command {
	var p gateway.SandboxPayment
	var id int64
	var late time.Duration
	c := a.verb("pay --wallet ID --amount AMOUNT", "Invent a transfer to a sandbox wallet", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if late < 0 {
			return usagef("--late: expected a time ahead")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		p.WalletID = wallet.ID(id)
		item, err := ad.InventTransfer(c.Context(), p)
		if err != nil {
			return err
		}
		if late > 0 {
			fmt.Fprintf(a.stderr, "%s paid with number %s; it is seen in %v\n", item.Amount, item.Number, late)
			if !wait(c.Context(), late) {
				return fmt.Errorf("ended before the transfer was seen: %w", context.Cause(c.Context()))
			}
			item.ReceivedAt = a.now()
		}
		results, err := ad.Observe(c.Context(), []gateway.EvidenceItem{item})
		if err != nil {
			return err
		}
		seen := results[0]
		if seen.Status == gateway.EvidenceRefused {
			return &gateway.Refusal{Code: gateway.CodeConflict, Message: fmt.Sprintf("number %s is known with another amount or on another account, and is contradicted now: galla find %s", item.Number, item.Number)}
		}
		doc := sandboxPaid{
			Status: string(seen.Status), TransferID: int64(seen.TransferID), Reference: item.Number, Amount: item.Amount.Fixed(),
			Currency: string(item.Amount.Currency), Payer: item.Payer, WalletID: id,
		}
		if err := doc.follow(c.Context(), ad.store.Read()); err != nil {
			return err
		}
		return a.print(doc, func(w io.Writer) { writeSandboxPaid(w, doc) })
	})
	c.Long = "The transfer is real for the sandbox: a claim that waits for its number is credited, and the merchant gets its postback.\n" +
		"Live wallets are refused."
	f := c.Flags()
	f.Int64Var(&id, "wallet", 0, "number of a sandbox wallet")
	f.StringVar(&p.Amount, "amount", "", "decimal amount in the wallet's currency")
	f.StringVar(&p.Reference, "reference", "", "transaction number (default: a random one)")
	f.StringVar(&p.Payer, "payer", "", "who pays, such as a UPI address (default: an invented one)")
	f.DurationVar(&late, "late", 0, "let it be seen only after this long, as a message that is late")
	return required(c, "wallet", "amount")
}

// follow finds out what became of the transfer.
func (d *sandboxPaid) follow(ctx context.Context, q *store.Queries) error {
	transfer, err := q.GetTransfer(ctx, d.TransferID)
	if err != nil {
		return err
	}
	d.State = transfer.State
	credit, err := q.GetDepositOfTransfer(ctx, d.TransferID)
	if err != nil {
		return ignoreNoRows(err)
	}
	claim, err := q.GetClaim(ctx, credit.ClaimID)
	if err != nil {
		return err
	}
	d.Credited = &sandboxCredit{credit.ID, credit.ClaimID, claim.Slug, claim.OrderID}
	return nil
}

func writeSandboxPaid(w io.Writer, d sandboxPaid) {
	became := "no claim was waiting for it; claim it with this number"
	if d.Credited != nil {
		became = fmt.Sprintf("credited to order %s of merchant %s (claim %d, deposit %d)", printable(d.Credited.OrderID), d.Credited.Merchant, d.Credited.ClaimID, d.Credited.DepositID)
	} else if d.State != "observed" {
		became = "it is " + d.State
	}
	pairs(w, [2]string{"transfer", number(d.TransferID) + " (" + d.Status + ")"}, [2]string{"reference", d.Reference},
		[2]string{"amount", d.Amount + " " + d.Currency}, [2]string{"payer", d.Payer}, [2]string{"outcome", became})
}
