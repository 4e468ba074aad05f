// Command pay asks for a wallet and reports payments.
//
//	pay create PAYER
//	pay activate PAYER ORDER NUMBER AMOUNT
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/galla-gateway/galla"
)

func main() {
	client, err := galla.New(os.Getenv("API_URL"), os.Getenv("API_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, args := context.Background(), os.Args[2:]
	if os.Args[1] == "create" {
		// The wallet that the payer should pay to. The label is your id of the user.
		wallet, err := client.Create(ctx, "phone_pe", galla.CreateRequest{Currency: "INR", Label: args[0]})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(wallet.Identifier)
		return
	}
	// The transaction number that the payer typed, for your order. On an error nothing is known to be decided: repeat
	// it later with the same ids.
	answer, err := client.Activate(ctx, galla.ActivateRequest{
		CurrencyCode: "INR", WalletType: "phone_pe", Label: args[0], CustomTransactionID: args[1], Key1: args[2], Amount: args[3],
	})
	if err != nil {
		log.Fatal(err)
	}
	switch answer.Status {
	case galla.StatusOK: // credited. The postback tells the same: book there, once
		fmt.Println("ok", answer.Amount.Text())
	case galla.StatusPending, galla.StatusPossible: // show that; the postback tells when it is credited
		fmt.Println(answer.Status, "is being checked")
	default: // fail: show it, let the payer correct the number or the amount
		fmt.Println(answer.Status, answer.Message)
	}
}
