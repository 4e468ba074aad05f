package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/test/process"
)

// owner stands where a test would: it makes folders, and ends the measurement where a test would fail.
type owner struct {
	folder   string
	cleanups []func()
}

// broken is thrown by owner and caught by openSite.
type broken struct{ error }

func (o *owner) Helper()          {}
func (o *owner) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }
func (o *owner) Fatal(args ...any) {
	panic(broken{errors.New(strings.TrimSpace(fmt.Sprintln(args...)))})
}
func (o *owner) Fatalf(format string, args ...any) {
	panic(broken{fmt.Errorf(format, args...)})
}

func (o *owner) TempDir() string {
	folder, err := os.MkdirTemp(o.folder, "")
	if err != nil {
		o.Fatal(err)
	}
	return folder
}

// close undoes what was made, the last first.
func (o *owner) close() {
	for _, f := range slices.Backward(o.cleanups) {
		f()
	}
	os.RemoveAll(o.folder)
}

// site is a running installation with a merchant, a PhonePe and a UPI wallet, and a source on the first.
type site struct {
	url   string // http://127.0.0.1:port
	token string // of the source
	close func()
}

// silent is where postbacks go: nobody listens there, and no screen waits for it.
const silent = "http://127.0.0.1:9/postback"

func openSite() (s *site, err error) {
	folder, err := os.MkdirTemp("", "galla-measure-")
	if err != nil {
		return nil, err
	}
	o := &owner{folder: folder}
	defer func() {
		thrown := recover()
		if thrown == nil {
			return
		}
		o.close()
		b, isBroken := thrown.(broken)
		if !isBroken {
			panic(thrown)
		}
		err = b.error
	}()
	galla := process.New(o, "sqlite:"+o.TempDir()+"/galla.db")
	galla.MustRun("migrate")
	galla.MustRun("merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", silent)
	galla.MustRun("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--currency", "INR", "--holder", "Galla Shop")
	galla.MustRun("wallet", "add", "--method", "upi_l", "--identifier", "galla.shop@okaxis", "--currency", "INR", "--holder", "Galla Shop", "--account", "1")
	var source struct{ Token string }
	galla.JSON(&source, "source", "add", "--wallet", "1", "--kind", "transfers")
	server := galla.Serve()
	return &site{url: server.URL, token: source.Token, close: o.close}, nil
}

// link is the address of a screen.
func (s *site) link(of screen, language string) string {
	query := url.Values{
		"label": {"payer-" + of.order}, "currency_code": {"INR"}, "custom_transaction_id": {of.order}, "lang": {language},
	}
	if of.method != "" {
		query.Set("wallet_type", of.method)
	}
	if of.amount != "" {
		query.Set("fixed_amount", of.amount)
	}
	return s.url + "/plugin/shop/?" + query.Encode()
}

// pay is a transfer, as the bank reports it.
func (s *site) pay(number, amount string) error {
	body, err := json.Marshal(map[string]string{"reference": number, "amount": amount, "currency": "INR", "payer": "payer@ybl"})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/evidence/v1/transfers", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Results []struct{ Status string } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if len(answer.Results) != 1 || answer.Results[0].Status != "created" {
		return fmt.Errorf("evidence wasn't taken: HTTP %d, %+v", response.StatusCode, answer)
	}
	return nil
}
