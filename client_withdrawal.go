package galla

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/money"
)

// WithdrawalKeys sign a merchant's withdrawals.
type WithdrawalKeys struct {
	PrivateKey string // withdrawal_private_key, as `galla merchant add` prints it
	// Merchant is the merchant's slug. It may be "" where the host of the server URL names the merchant.
	Merchant string
}

// SignWithdrawals gives the client what Withdraw needs. Call it before others use the client.
func (c *Client) SignWithdrawals(keys WithdrawalKeys) error {
	if keys.PrivateKey == "" || hasControl(keys.PrivateKey) || hasControl(keys.Merchant) {
		return fmt.Errorf("galla: the withdrawal key is missing, or it or the merchant has control characters")
	}
	c.withdrawals = keys
	return nil
}

// Withdraw signs a withdrawal and asks for it. StatusOK: it is taken on and its amount reserved; how it ends a postback
// tells, and an event. StatusFail: this request is decided against, and Field and Message say why; what was taken on
// before under the same WithdrawalID isn't touched by that.
//
// An error isn't a fail. *RequestError: it can't be asked for, and nothing was sent. Every other error, a refused signature
// too, says nothing of what was sent before: keep the user's money set aside and send the same request again, later. Of one
// WithdrawalID there is one payment at most; for that reason one is required here. Store it before you ask.
func (c *Client) Withdraw(ctx context.Context, r WithdrawalRequest) (WithdrawalAnswer, error) {
	switch {
	case c.withdrawals.PrivateKey == "":
		return WithdrawalAnswer{}, fmt.Errorf("galla: no key signs withdrawals: call SignWithdrawals first")
	case r.WithdrawalID == "":
		return WithdrawalAnswer{}, fieldError("withdrawal_id", "is required: without one nobody can tell a repeat from another payment.")
	}
	body, err := r.AppendJSON(nil, c.withdrawals.PrivateKey)
	if err != nil {
		return WithdrawalAnswer{}, err
	}
	path := "/v2/withdrawal/create"
	if c.withdrawals.Merchant != "" {
		path += "?" + url.Values{"merchant": {c.withdrawals.Merchant}}.Encode()
	}
	reply, err := c.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return WithdrawalAnswer{}, err
	}
	switch reply.status {
	case StatusOK:
		return WithdrawalAnswer{Status: StatusOK}, nil
	case StatusFail:
		return WithdrawalAnswer{Status: StatusFail, Field: reply.field, Message: reply.message}, nil
	}
	return WithdrawalAnswer{}, &AnswerError{HTTPStatus: http.StatusOK, Status: StatusError, Message: "unknown status in the answer"}
}

// Withdrawal looks one up by Galla's id, the StockpilingID of its postback.
func (c *Client) Withdrawal(ctx context.Context, id int64) (Withdrawal, error) {
	return c.oneWithdrawal(ctx, http.MethodGet, "/v3/withdrawals/"+strconv.FormatInt(id, 10))
}

// CancelWithdrawal takes a withdrawal back that is WithdrawalPending, and returns it as it is then. Once a bank may have
// been told it is an *AnswerError with HTTPStatus 409.
func (c *Client) CancelWithdrawal(ctx context.Context, id int64) (Withdrawal, error) {
	return c.oneWithdrawal(ctx, http.MethodPost, "/v3/withdrawals/"+strconv.FormatInt(id, 10)+"/cancel")
}

func (c *Client) oneWithdrawal(ctx context.Context, method, path string) (Withdrawal, error) {
	var wire withdrawalWire
	if err := c.modern(ctx, method, path, &wire); err != nil {
		return Withdrawal{}, err
	}
	w, err := wire.read()
	if err != nil {
		return Withdrawal{}, unreadable("no withdrawal", err)
	}
	return w, nil
}

// Withdrawals lists the merchant's withdrawals with ids above after, oldest first: 0, then the Next of the page before.
// limit is the most that a page has, 1 to MaxWithdrawalLimit, or 0 for DefaultWithdrawalLimit. It is for looking things
// up; how each ended the Events tell, in an order without gaps.
func (c *Client) Withdrawals(ctx context.Context, after int64, limit int) (WithdrawalPage, error) {
	query := url.Values{"after": {strconv.FormatInt(after, 10)}}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var wire struct {
		Withdrawals []withdrawalWire `json:"withdrawals"`
		Next        *int64           `json:"next"`
		More        bool             `json:"more"`
		Mode        Mode             `json:"mode"`
		Merchant    string           `json:"merchant"`
	}
	if err := c.modern(ctx, http.MethodGet, "/v3/withdrawals?"+query.Encode(), &wire); err != nil {
		return WithdrawalPage{}, err
	}
	if wire.Next == nil {
		return WithdrawalPage{}, unreadable("no page of withdrawals", fmt.Errorf("it has no next"))
	}
	page := WithdrawalPage{Next: *wire.Next, More: wire.More, Mode: wire.Mode, Merchant: wire.Merchant}
	for _, one := range wire.Withdrawals {
		w, err := one.read()
		if err != nil {
			return WithdrawalPage{}, unreadable("no page of withdrawals", err)
		}
		page.Withdrawals = append(page.Withdrawals, w)
	}
	return page, nil
}

// Balances are what the merchant has in each of its currencies.
func (c *Client) Balances(ctx context.Context) (BalancePage, error) {
	var wire struct {
		Balances []struct {
			Currency  money.Currency `json:"currency_code"`
			Available string         `json:"available"`
			Reserved  string         `json:"reserved"`
		} `json:"balances"`
		Mode     Mode   `json:"mode"`
		Merchant string `json:"merchant"`
	}
	if err := c.modern(ctx, http.MethodGet, "/v3/balances", &wire); err != nil {
		return BalancePage{}, err
	}
	page := BalancePage{Mode: wire.Mode, Merchant: wire.Merchant}
	for _, b := range wire.Balances {
		available, err := money.Parse(b.Available, b.Currency)
		if err != nil {
			return BalancePage{}, unreadable("no balances", err)
		}
		reserved, err := money.Parse(b.Reserved, b.Currency)
		if err != nil {
			return BalancePage{}, unreadable("no balances", err)
		}
		page.Balances = append(page.Balances, Balance{Available: available, Reserved: reserved})
	}
	return page, nil
}

// withdrawalWire is a Withdrawal as it is read. Members that it doesn't know are ignored: later versions may have more.
type withdrawalWire struct {
	ID            int64           `json:"id"`
	WithdrawalID  string          `json:"withdrawal_id"`
	State         WithdrawalState `json:"state"`
	Amount        string          `json:"amount"`
	Currency      money.Currency  `json:"currency_code"`
	Test          bool            `json:"test"`
	Label         string          `json:"label"`
	AccountNumber string          `json:"account_number"`
	IFSC          string          `json:"ifsc"`
	UTR           string          `json:"utr"`
	CreatedAt     time.Time       `json:"created_at"`
	EndedAt       time.Time       `json:"ended_at"` // null leaves it zero
}

func (w withdrawalWire) read() (Withdrawal, error) {
	amount, err := money.Parse(w.Amount, w.Currency)
	switch {
	case err != nil:
		return Withdrawal{}, err
	case w.ID == 0 || w.State == "":
		return Withdrawal{}, fmt.Errorf("it has no id or no state")
	}
	return Withdrawal{
		ID: w.ID, WithdrawalID: w.WithdrawalID, State: w.State, Amount: amount, Test: w.Test, Label: w.Label, AccountNumber: w.AccountNumber,
		IFSC: w.IFSC, UTR: w.UTR, CreatedAt: w.CreatedAt, EndedAt: w.EndedAt,
	}, nil
}

// modern asks the API under /v3 and decodes its answer. What says no is an *AnswerError.
func (c *Client) modern(ctx context.Context, method, path string, into any) error {
	text, err := c.modernText(ctx, method, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return unreadable("no answer that can be read", err)
	}
	return nil
}

// modernText is the body of an answer with code 200.
func (c *Client) modernText(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("galla: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.secret)
	request.Header.Set("Accept", "application/json")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("galla: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	if err != nil {
		return nil, fmt.Errorf("galla: read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, problemError(response.StatusCode, text)
	}
	return bytes.TrimPrefix(text, bom), nil
}

// unreadable is an answer with code 200 that isn't what was asked for: nothing is known of it.
func unreadable(what string, err error) error {
	return &AnswerError{HTTPStatus: http.StatusOK, Status: StatusError, Message: what + ": " + err.Error()}
}
