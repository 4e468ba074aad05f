// Command postback receives postbacks.
//
//	postback 127.0.0.1:9000
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/galla-gateway/galla"
)

var keys = galla.PostbackKeys{
	AccessKey: os.Getenv("ACCESS_KEY"), PrivateKey: os.Getenv("POSTBACK_PRIVATE_KEY"), WebhookSecrets: []string{os.Getenv("WEBHOOK_SECRET")},
}

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(receive)))
}

func receive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, galla.MaxBody))
	if err != nil {
		http.Error(w, `{"status":"fail"}`, http.StatusBadRequest)
		return
	}
	// Checks the headers of Standard Webhooks and the signature in the body.
	postback, err := galla.VerifyPostback(body, r.Header, keys, time.Now())
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"status":"fail"}`)
		return
	}
	if postback.Direction == galla.DirectionDeposit {
		if err := book(postback); err != nil {
			http.Error(w, `{"status":"error"}`, http.StatusInternalServerError) // the postback comes again
			return
		}
	}
	io.WriteString(w, `{"status":"ok"}`)
}

// book books a credit once, however often its postback comes. A file stands for your database: a row with a UNIQUE
// StockpilingID, written with the user's new balance in one transaction.
func book(p galla.Postback) error {
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
