package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/config"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

// triggered is a sample postback and what came of it.
type triggered struct {
	Type      galla.EventType   `json:"type"`
	Merchant  string            `json:"merchant"`
	URL       string            `json:"url"`
	Header    map[string]string `json:"headers"`
	Body      string            `json:"body"` // the exact text
	Address   string            `json:"address,omitempty"`
	TLS       string            `json:"tls,omitempty"`
	Duration  string            `json:"duration"`
	Status    int               `json:"status,omitempty"`
	Answer    string            `json:"answer,omitempty"` // its first 4 KiB
	Delivered bool              `json:"delivered"`
	Reason    string            `json:"reason,omitempty"` // why it doesn't count as delivered
}

func (a *app) postbackTrigger() *cobra.Command {
	var merchant, to string
	var trust sender.Trust // of the endpoint; another address has none
	var s gateway.Sample
	types := fmt.Sprintf("%s, %s or %s", galla.EventDepositOK, galla.EventWithdrawalPaid, galla.EventWithdrawalFailed)
	c := a.verb("trigger TYPE --merchant SLUG", "Send one invented postback of a sandbox merchant, signed with its real keys", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			ad, err := a.openAdmin(c)
			if err != nil {
				return err
			}
			defer ad.Close()
			s.Type = galla.EventType(args[0])
			sample, err := ad.SamplePostback(merchant, s)
			if err != nil {
				return err
			}
			if m, ok := ad.Directory().MerchantBySlug(merchant); ok && to == "" {
				to = m.URLOf(sample.Kind)
				settings := ad.Directory().EndpointSettings(gateway.Endpoint{MerchantID: m.ID, Kind: sample.Kind})
				trust = sender.Trust{CA: settings.CA, Pin: settings.Pin}
			}
			done := a.trigger(c, ad.cfg, to, trust, sample)
			done.Type, done.Merchant = s.Type, merchant
			if err := a.print(done, func(w io.Writer) { writeTriggered(w, done) }); err != nil {
				return err
			}
			if !done.Delivered {
				return errors.New("not delivered: " + done.Reason)
			}
			return nil
		})
	c.Long = "TYPE is " + types + ". Nothing is stored, nothing is sent again, and the webhook-id begins with " + gateway.SampleWebhookID + ".\n" +
		"The receiver can't tell the sample from a true postback and books it, so live merchants are refused."
	f := c.Flags()
	f.StringVar(&merchant, "merchant", "", "slug of a sandbox merchant")
	f.StringVar(&to, "to", "", "where to send it (default: the merchant's postback URL)")
	f.StringVar(&s.Amount, "amount", "", "decimal amount in the merchant's currency (default 500)")
	f.StringVar(&s.OrderID, "order-id", "", "id of the order or the withdrawal (default: an invented one)")
	return required(c, "merchant")
}

// trigger sends the sample once, by the rules that hold for every postback.
func (a *app) trigger(c *cobra.Command, cfg config.Config, to string, trust sender.Trust, sample gateway.SamplePostback) triggered {
	post := sender.New(sender.Config{Allow: cfg.PostbackAllow, Delivered: postback.Delivered, Now: a.now})
	defer post.Close()
	done := triggered{URL: to, Body: string(sample.Body), Header: headerOf(sample.Webhook)}
	header := sample.Webhook.Header()
	header.Set("Content-Type", done.Header["Content-Type"])
	result := post.Send(c.Context(), sender.Request{URL: to, Body: sample.Body, Header: header, Trust: trust})
	done.Address, done.TLS, done.Duration = result.RemoteAddr, result.TLSVersion, result.Duration.String()
	done.Status, done.Answer = result.Status, string(result.Answer)
	done.Delivered, done.Reason = result.Delivered, reasonOf(result)
	if result.ErrKind == sender.KindForbidden {
		done.Reason += "; allow it with GALLA_POSTBACK_ALLOW (--postback-allow), such as 127.0.0.0/8 for this machine"
	}
	return done
}

// headerOf are the headers that a postback carries, as its receiver is told of them.
func headerOf(w galla.Webhook) map[string]string {
	return map[string]string{
		"Content-Type": "application/json", galla.HeaderWebhookID: w.ID, galla.HeaderWebhookTimestamp: w.Timestamp,
		galla.HeaderWebhookSignature: w.Signature,
	}
}

// reasonOf says why an attempt doesn't count as delivered, "" when it does.
func reasonOf(result sender.Result) string {
	if result.Err != nil {
		return fmt.Sprintf("%s: %v", result.ErrKind, result.Err)
	}
	if result.Delivered {
		return ""
	}
	return postback.Undelivered(result.Status, result.Answer)
}

func writeTriggered(w io.Writer, d triggered) {
	fmt.Fprintf(w, "POST %s\n", d.URL)
	for _, name := range []string{"Content-Type", galla.HeaderWebhookID, galla.HeaderWebhookTimestamp, galla.HeaderWebhookSignature} {
		fmt.Fprintf(w, "%s: %s\n", name, d.Header[name])
	}
	fmt.Fprintf(w, "\n%s\n\n", d.Body)
	if d.Status != 0 {
		fmt.Fprintf(w, "HTTP %d %s from %s after %s\n%s\n\n", d.Status, http.StatusText(d.Status), d.Address, d.Duration, strconv.Quote(d.Answer)) // quoted: a stranger's text must not move the cursor
	}
	if d.Delivered {
		fmt.Fprintln(w, "delivered")
	}
}
