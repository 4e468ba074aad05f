package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// withdrawalAct makes a command by which a person does something to one withdrawal, and shows what became of it.
func (a *app) withdrawalAct(use, short string, act func(c *cobra.Command, ad *admin, by gateway.Operator, id withdrawal.ID) error) *cobra.Command {
	c := a.verb(use, short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("withdrawal", args[0])
		if err != nil {
			return err
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := act(c, ad, by, withdrawal.ID(id)); err != nil {
			return err
		}
		return a.showWithdrawal(c.Context(), ad.store, id)
	})
	return withOperator(c, short)
}

// withOperator tells in the help of a command who acts.
func withOperator(c *cobra.Command, short string) *cobra.Command {
	c.Long = short + ".\n\nWho acts is said by the operator key in " + operatorVariable + ", or in the file that " + operatorFileVariable + " names. It is kept in the audit log."
	return c
}

func (a *app) withdrawalApprove() *cobra.Command {
	var hash string
	c := a.withdrawalAct("approve ID", "Say yes to one withdrawal, as it is", func(c *cobra.Command, ad *admin, by gateway.Operator, id withdrawal.ID) error {
		_, err := ad.ApproveWithdrawal(c.Context(), by, id, hash)
		return err
	})
	c.Flags().StringVar(&hash, "hash", "", "of what you looked at (galla withdrawal show): nothing else is then approved")
	return c
}

func (a *app) withdrawalEnd(use, short string, end func(*gateway.Gateway, context.Context, gateway.Operator, withdrawal.ID, string) error) *cobra.Command {
	var reason string
	c := a.withdrawalAct(use, short, func(c *cobra.Command, ad *admin, by gateway.Operator, id withdrawal.ID) error {
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason: say why, it is kept with your name")
		}
		return end(ad.Gateway, c.Context(), by, id, reason)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; kept with your name")
	return required(c, "reason")
}

// instructionDoc is what a person is to pay by hand.
type instructionDoc struct {
	ID        int64  `json:"id"`
	Reference string `json:"reference"`
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	Account   string `json:"account_number"`
	Name      string `json:"account_name"`
	IFSC      string `json:"ifsc"`
}

func instructionDocOf(id withdrawal.ID, i payout.Instruction) instructionDoc {
	return instructionDoc{int64(id), i.Reference, i.Amount.Fixed(), string(i.Amount.Currency), i.AccountNumber, i.AccountName, i.IFSC}
}

func (a *app) withdrawalClaim() *cobra.Command {
	var takeover bool
	const short = "Take one to pay it by hand: nobody else will"
	c := withOperator(a.verb("claim ID", short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		number, err := parseID("withdrawal", args[0])
		if err != nil {
			return err
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		id := withdrawal.ID(number)
		i, err := ad.ClaimWithdrawal(c.Context(), by, id, takeover)
		if err != nil {
			return err
		}
		return a.print(instructionDocOf(id, i), func(w io.Writer) {
			writeInstruction(w, i)
			fmt.Fprintf(w, "\nIt is yours now. Once it is paid: galla withdrawal settle %d --utr 412345678901\nIf the bank refuses it: galla withdrawal settle %d --failed --reason TEXT\n", id, id)
			if takeover {
				fmt.Fprintf(w, "If somebody began before you, look at the bank for %s first, whether it was paid.\n", i.Reference)
			}
		})
	}), short)
	c.Flags().BoolVar(&takeover, "take-over", false, "go on with what somebody else has begun; look at the bank first, whether it was paid")
	return c
}

func (a *app) withdrawalSettle() *cobra.Command {
	var utr, reason string
	var failed bool
	c := a.withdrawalAct("settle ID --utr NUMBER | --failed --reason TEXT", "Say what became of one that you paid by hand",
		func(c *cobra.Command, ad *admin, by gateway.Operator, id withdrawal.ID) error {
			if failed == (utr != "") {
				return usagef("give --utr with the number of the bank, or --failed with --reason")
			}
			if failed && strings.TrimSpace(reason) == "" {
				return usagef("--reason: say what the bank said")
			}
			return ad.SettleWithdrawal(c.Context(), by, id, !failed, utr, reason)
		})
	c.Flags().StringVar(&utr, "utr", "", "the 12 digits that the bank gave the payment")
	c.Flags().BoolVar(&failed, "failed", false, "the bank refused it. Another person must confirm that before the money is the merchant's again (resolve)")
	c.Flags().StringVar(&reason, "reason", "", "what the bank said")
	return c
}

func (a *app) withdrawalResolve() *cobra.Command {
	var utr, proof string
	var failed bool
	c := a.withdrawalAct("resolve ID --utr NUMBER | --failed --proof TEXT", "Say what became of one of which the bank gives no certain word; a second person must say the same",
		func(c *cobra.Command, ad *admin, by gateway.Operator, id withdrawal.ID) error {
			if failed == (utr != "") {
				return usagef("give --utr with the number of the bank, or --failed")
			}
			if strings.TrimSpace(proof) == "" {
				return usagef("--proof: say where it can be seen, such as the statement and its page")
			}
			done, err := ad.ResolveWithdrawal(c.Context(), by, id, gateway.Resolution{Paid: !failed, UTR: utr, Proof: proof})
			if err == nil && !done {
				fmt.Fprintln(a.stderr, "Noted. It ends when another operator says the same.")
			}
			return err
		})
	c.Flags().StringVar(&utr, "utr", "", "it was paid: the 12 digits that the bank gave the payment")
	c.Flags().BoolVar(&failed, "failed", false, "no money left, or it came back")
	c.Flags().StringVar(&proof, "proof", "", "where it can be seen; kept with your name")
	return required(c, "proof")
}
