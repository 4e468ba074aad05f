package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/store"
)

// maxFingerprintCell is how much of a certificate's fingerprint a table shows, in characters.
const maxFingerprintCell = 16

// endpointState is how an endpoint stands, in a document.
type endpointState struct {
	Merchant  string `json:"merchant"`
	Kind      string `json:"kind"`
	URL       string `json:"url"`
	State     string `json:"state"`
	Reason    string `json:"reason"`
	Since     string `json:"since"`
	Failures  int    `json:"failures"`
	NextProbe string `json:"next_probe"`
	LastProbe string `json:"last_probe"`
}

func endpointStateOf(s gateway.EndpointStatus) endpointState {
	return endpointState{
		Merchant: s.Merchant, Kind: string(s.Kind), URL: s.URL, State: string(s.State), Reason: s.Reason, Since: dated(s.ChangedAt),
		Failures: s.Failures, NextProbe: dated(s.ProbeAt), LastProbe: dated(s.ProbedAt),
	}
}

// endpointDoc is an endpoint in a document.
type endpointDoc struct {
	endpointState
	Pending     int64    `json:"pending"`
	Oldest      string   `json:"oldest_pending"`
	Concurrency int      `json:"concurrency"` // 0: the default
	Rate        int      `json:"rate"`        // 0: the default
	CA          []string `json:"ca_sha256"`   // fingerprints of its certificates; none: those of the system
	Pin         string   `json:"pin"`
}

// dated is moment of a time that may be zero.
func dated(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return moment(at.UnixMicro())
}

func endpointDocOf(s gateway.EndpointStatus, b gateway.Backlog) endpointDoc {
	doc := endpointDoc{
		endpointState: endpointStateOf(s), Pending: b.Pending, Oldest: dated(b.OldestAt),
		Concurrency: s.Settings.Concurrency, Rate: s.Settings.Rate, CA: []string{}, Pin: s.Settings.Pin,
	}
	if s.Settings.CA != "" {
		doc.CA = gateway.CAFingerprints(s.Settings.CA)
	}
	return doc
}

var endpointHead = []string{
	"merchant", "kind", "state", "since", "failures", "next probe", "pending", "oldest", "concurrency", "rate", "ca", "pin", "url", "reason",
}

func (d endpointDoc) row() []string {
	second := func(text string) string {
		return dash(strings.ReplaceAll(text[:min(len(text), len(time.DateTime))], "T", " "))
	}
	count := func(n int) string {
		if n == 0 {
			return "default"
		}
		return number(int64(n))
	}
	ca := "no"
	if len(d.CA) > 0 {
		ca = "yes " + d.CA[0][:maxFingerprintCell] + "…"
	}
	return []string{
		d.Merchant, d.Kind, d.State, second(d.Since), number(int64(d.Failures)), second(d.NextProbe), number(d.Pending), second(d.Oldest),
		count(d.Concurrency), count(d.Rate), ca, dash(d.Pin), d.URL, dash(printable(d.Reason)),
	}
}

// printEndpoints lists the endpoints that fit.
func (a *app) printEndpoints(ctx context.Context, q *store.Queries, fits func(gateway.EndpointStatus) bool) error {
	endpoints, err := gateway.ListEndpoints(ctx, q)
	if err != nil {
		return err
	}
	backlogs, err := gateway.Backlogs(ctx, q)
	if err != nil {
		return err
	}
	docs, rows := []endpointDoc{}, [][]string{}
	for _, e := range endpoints {
		if fits(e) {
			doc := endpointDocOf(e, backlogs[e.Endpoint])
			docs, rows = append(docs, doc), append(rows, doc.row())
		}
	}
	return a.print(docs, func(w io.Writer) { table(w, endpointHead, rows) })
}

func (a *app) endpointList() *cobra.Command {
	c := a.verb("list", "List endpoints: their state, what waits for them, their settings", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.printEndpoints(c.Context(), s.Read(), func(gateway.EndpointStatus) bool { return true })
	})
	c.Long = "List endpoints. closed: what is due is sent. open: it failed, and is only probed until it answers.\n" +
		"paused: nothing is sent until galla postback resume."
	return c
}

// ofEndpoints is --merchant and --kind of a command that changes a merchant's endpoints.
type ofEndpoints struct{ slug, kind string }

func (e *ofEndpoints) flags(c *cobra.Command, alsoRequired ...string) *cobra.Command {
	c.Flags().StringVar(&e.kind, "kind", "", "deposit or withdrawal (default: both)")
	return ofMerchant(c, &e.slug, alsoRequired...)
}

// kinds are those that --kind means.
func (e *ofEndpoints) kinds() ([]gateway.PostbackKind, error) {
	if e.kind == "" {
		return gateway.PostbackKinds, nil
	}
	return []gateway.PostbackKind{gateway.PostbackKind(e.kind)},
		oneOf("kind", e.kind, string(gateway.PostbackDeposit), string(gateway.PostbackWithdrawal))
}

// changeEndpoints runs an act on endpoints, logs it, and shows how they stand then.
func (a *app) changeEndpoints(c *cobra.Command, e *ofEndpoints, act func(*admin, []gateway.PostbackKind) (line string, told []any, err error)) error {
	kinds, err := e.kinds()
	if err != nil {
		return err
	}
	ad, err := a.openAdmin(c)
	if err != nil {
		return err
	}
	defer ad.Close()
	line, told, err := act(ad, kinds)
	if err != nil {
		return err
	}
	a.log(ad, line, append([]any{"merchant", e.slug, "kinds", kinds}, told...)...)
	return a.printEndpoints(c.Context(), ad.store.Read(), func(s gateway.EndpointStatus) bool {
		return s.Merchant == e.slug && slices.Contains(kinds, s.Kind)
	})
}

// log writes on stderr who did what.
func (a *app) log(ad *admin, line string, told ...any) {
	slog.New(slog.NewTextHandler(a.stderr, nil)).Info(line, append([]any{"actor", ad.actor}, told...)...)
}

func (a *app) postbackPause() *cobra.Command {
	var e ofEndpoints
	var reason string
	c := a.verb("pause --merchant SLUG --reason TEXT", "Send nothing to a merchant until it is resumed; nothing is lost", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			reason = strings.TrimSpace(reason)
			if reason == "" {
				return usagef("--reason: say why, it is shown with the endpoint")
			}
			return a.changeEndpoints(c, &e, func(ad *admin, kinds []gateway.PostbackKind) (string, []any, error) {
				return "endpoint.paused", []any{"reason", reason}, ad.PauseEndpoints(c.Context(), e.slug, kinds, reason)
			})
		})
	c.Flags().StringVar(&reason, "reason", "", "why; shown with the endpoint")
	return e.flags(c, "reason")
}

func (a *app) postbackResume() *cobra.Command {
	var e ofEndpoints
	c := a.verb("resume --merchant SLUG", "End a pause, and try at once what failed", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		return a.changeEndpoints(c, &e, func(ad *admin, kinds []gateway.PostbackKind) (string, []any, error) {
			return "endpoint.resumed", nil, ad.ResumeEndpoints(c.Context(), e.slug, kinds)
		})
	})
	c.Long = "End a pause. What is due at the endpoints is sent at once, also where they were open and only probed."
	return e.flags(c)
}

func (a *app) endpointSet() *cobra.Command {
	var e ofEndpoints
	var concurrency, rate int
	var caFile, pin string
	c := a.verb("set --merchant SLUG", "Limit what is sent to endpoints, or say whom to trust there", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		var change gateway.EndpointChange
		given := c.Flags().Changed
		if given("concurrency") {
			change.Concurrency = &concurrency
		}
		if given("rate") {
			change.Rate = &rate
		}
		if given("pin") {
			change.Pin = &pin
		}
		if given("ca-file") {
			text, err := readCA(caFile)
			if err != nil {
				return err
			}
			change.CA = &text
		}
		if err := checkTrust(caFile, change); err != nil {
			return err
		}
		if change == (gateway.EndpointChange{}) {
			return usagef("set: name at least one of --concurrency, --rate, --ca-file, --pin")
		}
		return a.changeEndpoints(c, &e, func(ad *admin, kinds []gateway.PostbackKind) (string, []any, error) {
			return "endpoint.set", nil, ad.SetEndpoints(c.Context(), e.slug, kinds, change)
		})
	})
	c.Long = "Set endpoints of a merchant. What isn't given stays. Running servers know it within a second."
	f := c.Flags()
	f.IntVar(&concurrency, "concurrency", 0, fmt.Sprintf("requests open at once, at most %d; 0 for the default", gateway.MaxEndpointConcurrency))
	f.IntVar(&rate, "rate", 0, fmt.Sprintf("requests a second, at most %d; 0 for the default", gateway.MaxEndpointRate))
	f.StringVar(&caFile, "ca-file", "", `file of certificates (PEM) that may sign the endpoint's; "" for those of the system`)
	f.StringVar(&pin, "pin", "", `SHA-256 of the public key that its certificate must have, base64; "" for any`)
	return e.flags(c)
}

// checkTrust refuses what the sender would refuse at each postback, and writes a pin as it is stored.
func checkTrust(caFile string, change gateway.EndpointChange) error {
	if change.CA != nil {
		if _, err := sender.NormalizeTrust(sender.Trust{CA: *change.CA}); err != nil {
			return usagef("--ca-file %s: %v", caFile, err)
		}
	}
	if change.Pin != nil {
		trust, err := sender.NormalizeTrust(sender.Trust{Pin: *change.Pin})
		if err != nil {
			return usagef("--pin: %v", err)
		}
		*change.Pin = trust.Pin
	}
	return nil
}

// readCA reads a file of certificates; no name, no certificates.
func readCA(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", usagef("--ca-file: %v", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, gateway.MaxEndpointCA+1))
	if err != nil {
		return "", usagef("--ca-file: %v", err)
	}
	if len(text) == 0 {
		return "", usagef("--ca-file: %s is empty", path)
	}
	return string(text), nil
}
