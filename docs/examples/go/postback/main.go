// Command postback receives postbacks.
//
//	postback 127.0.0.1:9000
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla"
)

func main() {
	keys := galla.PostbackKeys{
		AccessKey: os.Getenv("ACCESS_KEY"), PrivateKey: os.Getenv("POSTBACK_PRIVATE_KEY"),
		WebhookSecrets: strings.Fields(os.Getenv("WEBHOOK_SECRET")), // several while it is rotated
	}
	// It checks the headers of Standard Webhooks and the signature in the body, keeps repeats away, and answers.
	handler := galla.PostbackHandler(keys, galla.NewMemoryStore(galla.DefaultSeenLimit), book)
	log.Fatal(http.ListenAndServe(os.Args[1], handler))
}

// book books a credit once, however often its postback comes: the store of the handler forgets with the process. A file
// stands for your database: a row with a UNIQUE StockpilingID, written with the user's new balance in one transaction. An
// error is answered 500, and the postback comes again.
func book(p galla.Postback) error {
	if p.Direction != galla.DirectionDeposit {
		return nil
	}
	path := filepath.Join(os.Getenv("CREDITS"), strconv.FormatInt(p.Data.StockpilingID, 10))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s %s %s\n", p.Label, p.Data.PluginCustomOrderID, p.Amount.Text(), p.Amount.Currency)
	return errors.Join(err, file.Close())
}
