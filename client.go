package galla

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/galla-gateway/galla/money"
)

// ClientTimeout ends a request of a Client whose context doesn't end it earlier.
const ClientTimeout = 20 * time.Second

// Client speaks to a Galla server as a merchant. It is safe for concurrent use.
type Client struct {
	// HTTP sends the requests. New sets one that ends them after ClientTimeout and follows no redirects.
	HTTP *http.Client

	base        string
	secret      string
	withdrawals WithdrawalKeys
}

// New returns a client for a server URL such as "https://api.shop.example" or "http://localhost:8080" and the
// merchant's API secret, which travels in the Authorization header and so stays out of logs.
func New(serverURL, secret string) (*Client, error) {
	u, err := url.Parse(serverURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("galla: the server URL must be http(s)://host without a query, not %q", clip(serverURL))
	}
	if secret == "" || hasControl(secret) {
		return nil, fmt.Errorf("galla: the API secret is missing or has control characters")
	}
	return &Client{
		HTTP: &http.Client{
			Timeout:       ClientTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base:   strings.TrimRight(serverURL, "/"),
		secret: secret,
	}, nil
}

// String names the server and keeps the secret out of logs.
func (c *Client) String() string { return "galla.Client(" + c.base + ")" }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// AnswerError is an answer that says no: to create and available any "fail", to activate and withdrawals everything but
// their outcomes.
type AnswerError struct {
	HTTPStatus int
	Status     Status
	Field      string // the member of the request that is at fault, where the answer names one
	Message    string
}

// Error is the message with its status.
func (e *AnswerError) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	return fmt.Sprintf("galla: %s (HTTP %d): %s", e.Status, e.HTTPStatus, text)
}

// Repeat reports that nothing was decided: send the same request with the same ids again, later.
func (e *AnswerError) Repeat() bool {
	return e.Status == StatusError || e.HTTPStatus >= http.StatusInternalServerError ||
		e.HTTPStatus == http.StatusTooManyRequests
}

// Create asks which wallet the payer should pay to by the method. No wallet is an *AnswerError.
func (c *Client) Create(ctx context.Context, walletType string, r CreateRequest) (CreateAnswer, error) {
	path := "/api/v1/transaction/create/" + url.PathEscape(walletType)
	reply, err := c.callOK(ctx, http.MethodPost, path, r.AppendJSON(nil))
	if err != nil {
		return CreateAnswer{}, err
	}
	return CreateAnswer{Identifier: reply.identifier}, nil
}

// Activate reports a payment by the number that the payer typed. All four outcomes are answers; an error means that
// none is known, and the same request may be sent again: it is never credited twice.
func (c *Client) Activate(ctx context.Context, r ActivateRequest) (Answer, error) {
	body, err := r.AppendJSON(nil)
	if err != nil {
		return Answer{}, err
	}
	reply, err := c.call(ctx, http.MethodPost, "/api/v1/transaction/activate", body)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Status: reply.status, Message: reply.message}
	switch reply.status {
	case StatusOK:
		if answer.Amount, err = parseAmount(reply.amount, reply.currency); err != nil {
			return Answer{}, fmt.Errorf("galla: %w", err)
		}
	case StatusPending, StatusPossible, StatusFail:
	default:
		return Answer{}, &AnswerError{HTTPStatus: http.StatusOK, Status: StatusError, Message: "unknown status in the answer"}
	}
	return answer, nil
}

// Available lists the payment methods that the merchant can offer, in the currencies of r or in all.
func (c *Client) Available(ctx context.Context, r AvailableRequest) (AvailableAnswer, error) {
	query := url.Values{"currency_code[]": r.CurrencyCodes}
	if r.Label != "" {
		query.Set("label", r.Label)
	}
	path := "/api/v1/payment-systems/available"
	if encoded := query.Encode(); encoded != "" {
		path += "?" + encoded
	}
	reply, err := c.callOK(ctx, http.MethodGet, path, nil)
	if err != nil {
		return AvailableAnswer{}, err
	}
	return reply.available, nil
}

// callOK is call for requests whose only good answer is "ok".
func (c *Client) callOK(ctx context.Context, method, path string, body []byte) (reply, error) {
	r, err := c.call(ctx, method, path, body)
	if err == nil && r.status != StatusOK {
		err = &AnswerError{HTTPStatus: http.StatusOK, Status: r.status, Field: r.field, Message: r.message}
	}
	return r, err
}

// call sends one request and reads its answer. Anything but HTTP 200 is an *AnswerError.
func (c *Client) call(ctx context.Context, method, path string, body []byte) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("galla: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.secret)
	request.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return reply{}, fmt.Errorf("galla: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	if err != nil {
		return reply{}, fmt.Errorf("galla: read the answer: %w", err)
	}
	var r reply
	if err := DecodeStrict(bytes.TrimPrefix(text, bom), r.member); err != nil {
		r.message = "no JSON answer: " + err.Error()
		return reply{}, &AnswerError{HTTPStatus: response.StatusCode, Status: StatusError, Message: r.message}
	}
	if response.StatusCode != http.StatusOK || r.status == StatusError {
		return reply{}, &AnswerError{HTTPStatus: response.StatusCode, Status: r.status, Field: r.field, Message: r.message}
	}
	return r, nil
}

// reply is every member that an answer may have.
type reply struct {
	status           Status
	field, message   string
	amount, currency string
	identifier       string
	available        AvailableAnswer
}

func (r *reply) member(name []byte, value Value) error {
	switch string(name) {
	case "status":
		return take((*string)(&r.status), "status", value)
	case "message":
		return r.fault(value)
	case "deposit_amount":
		return takeNumber(&r.amount, "deposit_amount", value)
	case "currency":
		return value.members("currency", takeOne("code", &r.currency))
	case "params":
		return value.members("params", r.param)
	}
	return nil
}

// fault reads a message: a text, or an object whose first member is the one at fault, with texts about it. Of anything else
// the text is better than nothing.
func (r *reply) fault(value Value) error {
	r.message = value.Text()
	if value.Kind != KindObject {
		return nil
	}
	return value.members("message", func(name []byte, value Value) error {
		if r.field != "" {
			return nil
		}
		r.field, r.message = string(name), value.Text()
		if value.Kind != KindArray {
			return nil
		}
		var texts []string
		err := value.elements(r.field, func(element Value) error {
			texts = append(texts, element.Text())
			return nil
		})
		r.message = strings.Join(texts, " ")
		return err
	})
}

func (r *reply) param(name []byte, value Value) error {
	a := &r.available
	switch string(name) {
	case "identifier":
		return take(&r.identifier, "identifier", value)
	case "currency_data":
		return value.elements("currency_data", func(element Value) error {
			var code string
			err := element.members("currency_data", takeOne("code", &code))
			a.Currencies = append(a.Currencies, money.Currency(code))
			return err
		})
	case "wallets":
		return value.elements("wallets", func(element Value) error {
			var w AvailableWallet
			err := element.members("wallets", w.member)
			a.Wallets = append(a.Wallets, w)
			return err
		})
	}
	return nil
}

func (w *AvailableWallet) member(name []byte, value Value) error {
	switch string(name) {
	case "type":
		return take(&w.Type, "type", value)
	case "currency_code":
		return take((*string)(&w.Currency), "currency_code", value)
	case "order":
		var order int64
		err := takeInt(&order, "order", value)
		w.Order = int(order)
		return err
	case "logo":
		return take(&w.Logo, "logo", value)
	case "name":
		return take(&w.Name, "name", value)
	}
	return nil
}
