// Command withdraw asks for a payment to a bank account.
//
//	withdraw ID PAYEE AMOUNT ACCOUNT NAME IFSC
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/galla-gateway/galla"
)

func main() {
	client, err := galla.New(os.Getenv("API_URL"), os.Getenv("API_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.SignWithdrawals(galla.WithdrawalKeys{PrivateKey: os.Getenv("WITHDRAWAL_KEY"), Merchant: os.Getenv("MERCHANT")}); err != nil {
		log.Fatal(err)
	}
	args := os.Args[1:]
	amount, err := strconv.ParseInt(args[2], 10, 64) // whole rupees
	if err != nil {
		log.Fatal(err)
	}
	// The id is yours, stored before you ask: sent again with the same id it is a retry and never a second payment. On an
	// error nobody knows yet: keep the money set aside, and send the same again later.
	answer, err := client.Withdraw(context.Background(), galla.WithdrawalRequest{
		WithdrawalID: args[0], PaymentSystem: galla.PaymentSystemIMPS, Amount: amount, CurrencyCode: "INR", Label: args[1],
		AccountNumber: args[3], AccountName: args[4], BranchCode: args[5],
	})
	if err != nil {
		log.Fatal(err)
	}
	switch {
	case answer.Status == galla.StatusOK:
		fmt.Println("ok") // taken on. How it ends the postback tells
	case answer.Field != "": // a member is at fault
		fmt.Printf("fail %s: %s\n", answer.Field, answer.Message)
	default:
		fmt.Println("fail", answer.Message)
	}
}
