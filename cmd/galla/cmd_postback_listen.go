package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

const (
	// secretVariable holds the merchant's API secret. It is no flag: those stand in the list of processes.
	secretVariable = "GALLA_API_SECRET"
	maxSecretFile  = 4 << 10 // bytes

	listenEvery = 500 * time.Millisecond // while nothing new comes
	// listenPage is so small that the last event of a page is forwarded while its signature is fresh, though the receiver
	// takes as long as it may for each of them.
	listenPage = 10

	// Pauses while the server doesn't answer.
	firstAway   = time.Second
	longestAway = 30 * time.Second
)

// Words of --from beside cursors.
const (
	fromNow   = "now"
	fromStart = "start"
)

// listening is what galla postback listen was asked for.
type listening struct {
	server, merchant, forwardTo, from, secretFile string
	allowRemote, once                             bool
	timeout                                       time.Duration
}

func (a *app) postbackListen() *cobra.Command {
	var o listening
	c := a.verb("listen --forward-to URL", "Forward a merchant's postbacks to a receiver on this machine, as they come", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			l, err := a.newListener(c, o)
			if err != nil {
				return err
			}
			defer l.post.Close()
			return l.run(c.Context())
		})
	c.Long = "It reads the merchant's feed of events, so that a receiver on a laptop gets postbacks without being reachable. The\n" +
		"API secret comes from " + secretVariable + " or --secret-file. Nothing is sent again by itself; every failure is printed with the\n" +
		"place to begin anew. It needs no database. Ctrl-C ends it."
	c.Flags().Lookup("json").Usage = "print one JSON document per event, each on a line of stdout, everything else on stderr"
	f := c.Flags()
	f.StringVar(&o.forwardTo, "forward-to", "", "the receiver, such as http://localhost:3000/postback")
	f.StringVar(&o.server, "server", "", "address of the Galla server (default: GALLA_BASE_URL)")
	f.StringVar(&o.merchant, "merchant", "", "slug: end when the secret is another merchant's")
	f.StringVar(&o.from, "from", fromNow, "cursor to begin behind, "+fromStart+" or "+fromNow)
	f.StringVar(&o.secretFile, "secret-file", "", "file that holds the API secret")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "let --forward-to be another machine")
	f.BoolVar(&o.once, "once", false, "end when everything there is was forwarded; exit 1 when some of it wasn't delivered")
	f.DurationVar(&o.timeout, "timeout", 0, "end after this long; with --once exit 1 (default: never)")
	return required(c, "forward-to")
}

// listener forwards one merchant's events.
type listener struct {
	*app
	listening
	client *galla.Client
	post   *sender.Sender

	after   string // cursor
	greeted bool
	failed  int
}

func (a *app) newListener(c *cobra.Command, o listening) (*listener, error) {
	cfg, err := a.settings(c)
	if err != nil {
		return nil, err
	}
	if o.server == "" {
		o.server = cfg.BaseURL
	}
	if o.timeout < 0 {
		return nil, usagef("--timeout: expected a time ahead")
	}
	if o.once && !c.Flags().Changed("from") {
		return nil, usagef("--once: say --from %s or --from CURSOR; from now on there is nothing yet", fromStart)
	}
	allow, err := receivers(o.forwardTo, o.allowRemote)
	if err != nil {
		return nil, err
	}
	secret, err := a.apiSecret(o.secretFile)
	if err != nil {
		return nil, err
	}
	client, err := galla.New(o.server, secret)
	if err != nil {
		return nil, usagef("--server: %v", err)
	}
	if at, err := url.Parse(o.server); err == nil && at.Scheme == "http" && !isLocal(at.Hostname()) {
		fmt.Fprintf(a.stderr, "warning: the secret travels to %s unencrypted: use https\n", at.Host)
	}
	l := &listener{app: a, listening: o, client: client, after: o.from, post: sender.New(sender.Config{Allow: allow, Delivered: postback.Delivered, Now: a.now})}
	switch o.from {
	case fromNow:
		l.after = galla.CursorEnd
	case fromStart:
		l.after = galla.CursorStart
	}
	return l, nil
}

// receivers are the addresses outside the public range that may be reached. A receiver on another machine would be sent
// what another merchant's developer has no business with, by a slip in a URL.
func receivers(forwardTo string, allowRemote bool) ([]netip.Prefix, error) {
	target, err := url.Parse(forwardTo)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Hostname() == "" || target.User != nil {
		return nil, usagef("--forward-to: expected an address such as http://localhost:3000/postback")
	}
	if allowRemote {
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
	}
	if !isLocal(target.Hostname()) {
		return nil, usagef("--forward-to: %s isn't this machine; --allow-remote lets it be another", target.Hostname())
	}
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, nil
}

// isLocal tells whether a host is this machine by its name.
func isLocal(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (a *app) apiSecret(file string) (string, error) {
	if file == "" {
		if secret := a.variable(secretVariable); secret != "" {
			return secret, nil
		}
		return "", usagef("set %s to the merchant's api_secret, or name a file that holds it with --secret-file", secretVariable)
	}
	secret, err := readSecretFile(file)
	if err != nil {
		return "", fmt.Errorf("--secret-file: %w", err)
	}
	return secret, nil
}

// readSecretFile reads a file that holds one secret, without the space around it.
func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	return strings.TrimSpace(string(text)), err
}

// run forwards until ctx ends, or until all is forwarded where that was asked for.
func (l *listener) run(ctx context.Context) error {
	if l.timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, l.timeout)
		defer cancel()
		ctx = limited
	}
	for away := firstAway; ; {
		page, err := l.client.Events(ctx, l.after, listenPage)
		var refused *galla.AnswerError
		pause := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return l.end(ctx)
		case errors.As(err, &refused) && !refused.Repeat():
			return err
		case err != nil:
			fmt.Fprintf(l.stderr, "%v; again in %v\n", err, away)
			pause, away = away, min(2*away, longestAway)
		default:
			away = firstAway
			if err := l.take(ctx, page); err != nil {
				return err
			}
			if ctx.Err() == nil && l.once && !page.More {
				return l.end(ctx)
			}
			if !page.More {
				pause = listenEvery
			}
		}
		if !wait(ctx, pause) {
			return l.end(ctx)
		}
	}
}

// wait reports whether the time has passed before ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// end tells where to go on.
func (l *listener) end(ctx context.Context) error {
	if l.greeted {
		fmt.Fprintf(l.stderr, "ended; go on with --from %s\n", l.place())
	}
	switch {
	case l.once && ctx.Err() != nil:
		return errors.New("ended before everything was forwarded")
	case l.once && l.failed > 0:
		return fmt.Errorf("%d not delivered", l.failed)
	}
	return nil
}

// place is the value of --from that begins where the listener is.
func (l *listener) place() string {
	switch l.after {
	case galla.CursorStart:
		return fromStart
	case galla.CursorEnd:
		return fromNow
	}
	return l.after
}

// take forwards a page and moves on behind it, as far as ctx lets it.
func (l *listener) take(ctx context.Context, page galla.EventPage) error {
	if l.merchant != "" && page.Merchant != l.merchant {
		return fmt.Errorf("the secret is merchant %s's, not %s's", page.Merchant, l.merchant)
	}
	if !l.greeted {
		l.greeted = true
		fmt.Fprintf(l.stderr, "forwarding the events of merchant %s (%s) to %s; Ctrl-C ends it\n", printable(page.Merchant), printable(string(page.Mode)), l.forwardTo)
		if page.Mode == galla.ModeLive {
			fmt.Fprintln(l.stderr, "warning: these postbacks tell of real money, and the server delivers them as well: a receiver that shares its books with another must book each once")
		}
	}
	for _, event := range page.Events {
		done, counts := l.forward(ctx, event)
		if !counts {
			return nil // it is repeated by who goes on from here
		}
		if err := l.tell(done); err != nil {
			return err
		}
		l.after = event.Cursor
	}
	l.after = page.Next
	return nil
}

// forwarded is an event and what came of it.
type forwarded struct {
	At        string          `json:"at"`
	Position  int64           `json:"position"`
	Type      galla.EventType `json:"type"`
	WebhookID string          `json:"webhook_id"`
	OrderID   string          `json:"order_id"` // of a withdrawal its id
	Amount    string          `json:"amount"`
	Currency  string          `json:"currency"`
	Status    int             `json:"status,omitempty"`
	Delivered bool            `json:"delivered"`
	Reason    string          `json:"reason,omitempty"`
	Cursor    string          `json:"cursor"`
	Before    string          `json:"from"` // --from that brings it again
}

// forward sends an event as the server sends postbacks. counts is false when the command was ended meanwhile.
func (l *listener) forward(ctx context.Context, e galla.Event) (done forwarded, counts bool) {
	header := e.Webhook.Header()
	header.Set("Content-Type", "application/json")
	result := l.post.Send(ctx, sender.Request{URL: l.forwardTo, Body: e.Postback, Header: header})
	done = forwarded{
		At: l.now().UTC().Format(time.RFC3339), Position: e.Position, Type: e.Type, WebhookID: e.WebhookID, Status: result.Status,
		Delivered: result.Delivered, Reason: reasonOf(result), Cursor: e.Cursor, Before: l.place(),
	}
	var told struct {
		Currency string `json:"currency_code"`
		Data     []struct {
			Amount       string `json:"amount"`
			OrderID      string `json:"plugin_custom_order_id"`
			WithdrawalID string `json:"withdrawal_id"`
		} `json:"additional_data"`
	}
	// What can't be read is the receiver's to refuse.
	if json.Unmarshal(e.Postback, &told) == nil && len(told.Data) == 1 {
		data := told.Data[0]
		done.Currency, done.Amount, done.OrderID = told.Currency, data.Amount, data.OrderID+data.WithdrawalID
	}
	if !done.Delivered {
		l.failed++
	}
	return done, ctx.Err() == nil || result.Delivered
}

// tell prints one event.
func (l *listener) tell(d forwarded) error {
	if l.json {
		return l.encode(d)
	}
	outcome := "delivered"
	if !d.Delivered {
		outcome = "NOT delivered: " + printable(d.Reason)
	}
	status := "-"
	if d.Status != 0 {
		status = strconv.Itoa(d.Status)
	}
	_, err := fmt.Fprintf(l.stdout, "%s  %s  %s  %s %s  %s  %s\n", l.now().Format(time.TimeOnly), printable(string(d.Type)), printable(d.OrderID), printable(d.Amount), printable(d.Currency), status, outcome)
	if err == nil && !d.Delivered {
		_, err = fmt.Fprintf(l.stdout, "          again: galla postback listen --forward-to %s --from %s\n", l.forwardTo, printable(d.Before))
	}
	return err
}
