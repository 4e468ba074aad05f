package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// Limits of what an operator sets of an endpoint.
const (
	// MaxEndpointConcurrency bounds the requests that are open at once.
	MaxEndpointConcurrency = 1000
	// MaxEndpointRate bounds the requests a second.
	MaxEndpointRate = 100_000
	// MaxEndpointCA is the longest list of certificates, in bytes of PEM.
	MaxEndpointCA = 64 << 10
	// MaxPauseReason is the longest reason of a pause, in characters.
	MaxPauseReason = 500
)

// PostbackKinds are all kinds of postbacks.
var PostbackKinds = []PostbackKind{PostbackDeposit, PostbackWithdrawal}

// EndpointState is whether postbacks are sent to an endpoint.
type EndpointState string

// An endpoint is closed in good order: the word is that of a circuit breaker. Open, it is only probed; paused, nothing is
// sent until a person resumes it.
const (
	EndpointClosed EndpointState = "closed"
	EndpointOpen   EndpointState = "open"
	EndpointPaused EndpointState = "paused"
)

// EndpointStatus is how an endpoint stands.
type EndpointStatus struct {
	Endpoint
	Merchant  string // slug
	URL       string
	State     EndpointState
	Reason    string    // why it isn't closed
	ChangedAt time.Time // when the state began; zero when it was never another
	Failures  int       // probes in a row that failed
	ProbeAt   time.Time // when an open one is probed next; zero unless open
	ProbedAt  time.Time // when the last request ended in a probe; zero when none did
	DueAt     time.Time // when the first of its pending postbacks is due; zero when nothing is pending
	Settings  EndpointSettings
}

// Lag is how long the postback that is due longest has waited: 0 in good order, and where nothing is to be sent at once
// because the endpoint isn't closed.
func (s EndpointStatus) Lag(now time.Time) time.Duration {
	if s.State != EndpointClosed || s.DueAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.DueAt))
}

// StoppedFor is how long the endpoint has not been closed.
func (s EndpointStatus) StoppedFor(now time.Time) time.Duration {
	if s.State == EndpointClosed || s.ChangedAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.ChangedAt))
}

// Endpoints lists every merchant's endpoint for deposits, and those for withdrawals that were ever used or have an
// address of their own, by merchant. It costs as much as there are merchants, however many postbacks there are.
func (g *Gateway) Endpoints(ctx context.Context) ([]EndpointStatus, error) {
	return ListEndpoints(ctx, g.store.Read())
}

// ListEndpoints is Endpoints of a database that is only read.
func ListEndpoints(ctx context.Context, q *store.Queries) ([]EndpointStatus, error) {
	merchants, err := q.ListMerchants(ctx)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	rows, err := q.ListEndpointRows(ctx)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	pending, err := q.ListPendingEndpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	stored, due := map[Endpoint]store.ListEndpointRowsRow{}, map[Endpoint]int64{}
	for _, row := range rows {
		stored[Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}] = row
	}
	for _, row := range pending {
		if row.DueAt >= 0 {
			due[Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}] = row.DueAt
		}
	}
	var list []EndpointStatus
	for _, m := range merchants {
		for _, kind := range PostbackKinds {
			e := Endpoint{merchant.ID(m.ID), kind}
			row, used := stored[e]
			dueAt, waits := due[e]
			if kind != PostbackDeposit && !used && !waits && m.WithdrawalPostbackUrl == "" {
				continue
			}
			s := statusOf(e, row)
			s.Merchant, s.URL = m.Slug, urlOf(m, kind)
			if waits {
				s.DueAt = fromMicro(dueAt)
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// statusOf is what the row of an endpoint says; one without a row is closed.
func statusOf(e Endpoint, row store.ListEndpointRowsRow) EndpointStatus {
	s := EndpointStatus{
		Endpoint: e, State: cmp.Or(EndpointState(row.State), EndpointClosed), Reason: row.Reason, Failures: int(row.Failures),
		Settings: EndpointSettings{Concurrency: int(row.Concurrency), Rate: int(row.Rate), CA: row.Ca, Pin: row.Pin},
	}
	if row.ChangedAt > 0 {
		s.ChangedAt = fromMicro(row.ChangedAt)
	}
	if row.ProbedAt > 0 {
		s.ProbedAt = fromMicro(row.ProbedAt)
	}
	if s.State == EndpointOpen {
		s.ProbeAt = fromMicro(row.ProbeAt)
	}
	return s
}

// urlOf is Merchant.URLOf of a stored merchant.
func urlOf(m store.Merchant, kind PostbackKind) string {
	if kind == PostbackWithdrawal && m.WithdrawalPostbackUrl != "" {
		return m.WithdrawalPostbackUrl
	}
	return m.PostbackUrl
}

// Backlog is what is pending at an endpoint.
type Backlog struct {
	Pending  int64
	OldestAt time.Time // when the oldest of it was written
}

// Backlogs counts what is pending at each endpoint that has something. It reads the index of pending postbacks.
func Backlogs(ctx context.Context, q *store.Queries) (map[Endpoint]Backlog, error) {
	rows, err := q.CountPendingOfEndpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("count backlogs: %w", err)
	}
	backlogs := make(map[Endpoint]Backlog, len(rows))
	for _, row := range rows {
		backlogs[Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}] = Backlog{row.Pending, fromMicro(row.OldestAt)}
	}
	return backlogs, nil
}

// PauseEndpoints stops sending to a merchant's endpoints until they are resumed. What is under way ends.
func (g *Gateway) PauseEndpoints(ctx context.Context, slug string, kinds []PostbackKind, reason string) error {
	if err := checkLine("reason", reason, MaxPauseReason); err != nil {
		return err
	}
	return g.change(ctx, &auditEntry{"endpoint.paused", merchantSubject(slug), fmt.Sprint(kinds) + " " + reason}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			err := q.PauseEndpoint(ctx, store.PauseEndpointParams{MerchantID: row.ID, Kind: string(kind), Reason: reason, Now: g.now().UnixMicro()})
			if err != nil {
				return fmt.Errorf("pause endpoint: %w", err)
			}
		}
		return nil
	})
}

// ResumeEndpoints ends pauses, and lets what an open endpoint held back go at once.
func (g *Gateway) ResumeEndpoints(ctx context.Context, slug string, kinds []PostbackKind) error {
	err := g.change(ctx, &auditEntry{"endpoint.resumed", merchantSubject(slug), fmt.Sprint(kinds)}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if err := closeEndpoint(ctx, q, Endpoint{merchant.ID(row.ID), kind}, g.now(), true); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && g.opts.OnPostback != nil {
		g.opts.OnPostback(nil)
	}
	return err
}

// closeEndpoint lets what is due at an endpoint go at once; at a paused one only if that is meant.
func closeEndpoint(ctx context.Context, q *store.Queries, e Endpoint, now time.Time, alsoPaused bool) error {
	_, err := q.CloseEndpoint(ctx, store.CloseEndpointParams{
		MerchantID: int64(e.MerchantID), Kind: string(e.Kind), Now: now.UnixMicro(), AlsoPaused: flag(alsoPaused),
	})
	if err != nil {
		return fmt.Errorf("close endpoint: %w", err)
	}
	return nil
}

// resumeMoved resumes the endpoints of a merchant whose address became another: what was wrong with the old one tells
// nothing of the new one.
func resumeMoved(ctx context.Context, q *store.Queries, before, after store.Merchant, now time.Time) error {
	for _, kind := range PostbackKinds {
		if urlOf(before, kind) != urlOf(after, kind) {
			if err := closeEndpoint(ctx, q, Endpoint{merchant.ID(after.ID), kind}, now, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// EndpointChange is what SetEndpoints changes; a member that is nil stays. Zero and "" bring the default back.
type EndpointChange struct {
	Concurrency, Rate *int
	CA, Pin           *string
}

// SetEndpoints changes the settings of a merchant's endpoints, all or none.
func (g *Gateway) SetEndpoints(ctx context.Context, slug string, kinds []PostbackKind, change EndpointChange) error {
	change, err := change.checked()
	if err != nil {
		return err
	}
	return g.change(ctx, &auditEntry{"endpoint.set", merchantSubject(slug), fmt.Sprint(kinds) + " " + change.words()}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			set, err := q.GetEndpointSettings(ctx, store.GetEndpointSettingsParams{MerchantID: row.ID, Kind: string(kind)})
			if err != nil && !isNoRows(err) {
				return fmt.Errorf("read endpoint: %w", err)
			}
			if err := q.SetEndpoint(ctx, change.apply(row.ID, kind, set)); err != nil {
				return fmt.Errorf("set endpoint: %w", err)
			}
		}
		return nil
	})
}

// words tell what is changed; of certificates only that they are.
func (c EndpointChange) words() string {
	var words []string
	if c.Concurrency != nil {
		words = append(words, fmt.Sprintf("concurrency=%d", *c.Concurrency))
	}
	if c.Rate != nil {
		words = append(words, fmt.Sprintf("rate=%d", *c.Rate))
	}
	if c.CA != nil {
		words = append(words, fmt.Sprintf("ca (%d bytes)", len(*c.CA)))
	}
	if c.Pin != nil {
		words = append(words, "pin="+*c.Pin)
	}
	return strings.Join(words, " ")
}

func (c EndpointChange) apply(id int64, kind PostbackKind, set store.GetEndpointSettingsRow) store.SetEndpointParams {
	to := store.SetEndpointParams{MerchantID: id, Kind: string(kind), Concurrency: set.Concurrency, Rate: set.Rate, Ca: set.Ca, Pin: set.Pin}
	if c.Concurrency != nil {
		to.Concurrency = int16(*c.Concurrency)
	}
	if c.Rate != nil {
		to.Rate = int64(*c.Rate)
	}
	if c.CA != nil {
		to.Ca = *c.CA
	}
	if c.Pin != nil {
		to.Pin = *c.Pin
	}
	return to
}

// checked is the change with its certificates as they are stored.
func (c EndpointChange) checked() (EndpointChange, error) {
	if c.Concurrency != nil && (*c.Concurrency < 0 || *c.Concurrency > MaxEndpointConcurrency) {
		return c, refuse(CodeInvalid, "concurrency: expected 0 to %d requests at once, 0 for the default", MaxEndpointConcurrency)
	}
	if c.Rate != nil && (*c.Rate < 0 || *c.Rate > MaxEndpointRate) {
		return c, refuse(CodeInvalid, "rate: expected 0 to %d requests a second, 0 for no limit", MaxEndpointRate)
	}
	if c.Pin != nil && *c.Pin != "" {
		if hash, err := base64.StdEncoding.Strict().DecodeString(*c.Pin); err != nil || len(hash) != sha256.Size {
			return c, refuse(CodeInvalid, "pin: expected the SHA-256 of a public key (SPKI), %d bytes in base64", sha256.Size)
		}
	}
	if c.CA != nil && *c.CA != "" {
		if len(*c.CA) > MaxEndpointCA {
			return c, refuse(CodeInvalid, "CA: longer than %d bytes", MaxEndpointCA)
		}
		certificates, err := parseCA(*c.CA)
		if err != nil {
			return c, err
		}
		var text bytes.Buffer
		for _, cert := range certificates {
			_ = pem.Encode(&text, &pem.Block{Type: pemCertificate, Bytes: cert.Raw}) // a Buffer takes all
		}
		plain := text.String()
		c.CA = &plain
	}
	return c, nil
}

const pemCertificate = "CERTIFICATE"

// parseCA reads certificates in PEM. Anything else in it is refused: a key that was pasted along must not be stored.
func parseCA(text string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != pemCertificate {
			return nil, refuse(CodeInvalid, "CA: expected certificates only, found %q", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, refuse(CodeInvalid, "CA: certificate %d can't be read: %v", len(list)+1, err)
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, refuse(CodeInvalid, "CA: expected at least one certificate in PEM")
	}
	return list, nil
}

// CAFingerprints are the SHA-256 of the certificates of stored settings, in hexadecimal.
func CAFingerprints(ca string) []string {
	certificates, err := parseCA(ca)
	if err != nil {
		return nil
	}
	list := make([]string, len(certificates))
	for i, cert := range certificates {
		sum := sha256.Sum256(cert.Raw)
		list[i] = hex.EncodeToString(sum[:])
	}
	return list
}
