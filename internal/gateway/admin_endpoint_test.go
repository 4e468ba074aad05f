package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// status is how an endpoint stands.
func (w *world) status(e Endpoint) EndpointStatus {
	w.t.Helper()
	list, err := w.g.Endpoints(context.Background())
	w.must(err)
	for _, s := range list {
		if s.Endpoint == e {
			return s
		}
	}
	w.t.Fatalf("no endpoint %v among %v", e, list)
	return EndpointStatus{}
}

var both = PostbackKinds

func TestPauseAndResume(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		if got := w.status(shopDeposits); got.State != EndpointClosed || got.Merchant != "shop" || got.URL != "http://127.0.0.1:1/" || !got.ChangedAt.IsZero() {
			t.Errorf("before anything was sent: %+v", got)
		}
		revision := w.g.Directory().Revision
		w.must(w.g.PauseEndpoints(ctx, "shop", []PostbackKind{PostbackDeposit}, "their database is down"))
		since := w.clock.Now()
		if w.g.Directory().Revision == revision {
			t.Error("running servers don't learn of the pause")
		}
		w.clock.Advance(time.Hour)
		w.must(w.g.PauseEndpoints(ctx, "shop", []PostbackKind{PostbackDeposit}, "still"))
		if got := w.status(shopDeposits); got.State != EndpointPaused || got.Reason != "still" || !got.ChangedAt.Equal(since) || got.StoppedFor(w.clock.Now()) != time.Hour {
			t.Errorf("paused twice: %+v, want since %v", got, since)
		}
		if got := w.status(otherDeposits); got.State != EndpointClosed || got.StoppedFor(w.clock.Now()) != 0 {
			t.Errorf("another merchant's: %+v", got)
		}
		w.mutate("INSERT INTO endpoint (merchant_id, kind, state, reason, failures, changed_at, probe_id, probe_at) VALUES (1, 'withdrawal', 'open', 'HTTP 500', 4, 9, 3, 99)")
		if got := w.status(Endpoint{shop, PostbackWithdrawal}); got.State != EndpointOpen || got.Failures != 4 || got.ProbeAt.UnixMicro() != 99 {
			t.Errorf("open: %+v", got)
		}
		w.must(w.g.ResumeEndpoints(ctx, "shop", both))
		for _, kind := range both {
			got := w.status(Endpoint{shop, kind})
			if got.State != EndpointClosed || got.Reason != "" || got.Failures != 0 || !got.ProbeAt.IsZero() || !got.ChangedAt.Equal(w.clock.Now()) {
				t.Errorf("resumed: %+v", got)
			}
		}
		w.want("gates", w.count("SELECT count(*) FROM endpoint WHERE probe_id <> 0 OR probe_at <> 0"), 0)
		w.clock.Advance(time.Hour)
		w.must(w.g.ResumeEndpoints(ctx, "shop", both))
		if got := w.status(shopDeposits); !got.ChangedAt.Equal(w.clock.Now().Add(-time.Hour)) {
			t.Errorf("resumed twice: %+v", got)
		}
		w.must(w.g.ResumeEndpoints(ctx, "other", both)) // nothing was ever sent there
		w.wantRefusal(w.g.PauseEndpoints(ctx, "nobody", both, "x"), CodeNotFound)
		w.wantRefusal(w.g.ResumeEndpoints(ctx, "nobody", both), CodeNotFound)
		for _, reason := range []string{"", " ", "a\nb", "\x1b[2J", strings.Repeat("x", MaxPauseReason+1)} {
			w.wantRefusal(w.g.PauseEndpoints(ctx, "shop", both, reason), CodeInvalid)
		}
	})
}

// A new address has nothing to do with what was wrong with the old one.
func TestAnotherAddressResumes(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		states := func() string {
			return string(w.status(shopDeposits).State + " " + w.status(Endpoint{shop, PostbackWithdrawal}).State)
		}
		set := func(settings ...Setting) { w.t.Helper(); w.must(w.g.SetMerchant(ctx, "shop", settings)) }
		pause := func() {
			w.t.Helper()
			w.must(w.g.PauseEndpoints(ctx, "shop", both, "moves"))
			w.must(w.g.PauseEndpoints(ctx, "other", both, "moves"))
		}
		for _, step := range []struct{ key, value, want string }{
			{"name", "Shop two", "paused paused"},
			{"postback_url", "http://127.0.0.1:1/", "paused paused"}, // the same
			{"postback_url", "http://127.0.0.1:2/", "closed closed"},
			{"withdrawal_postback_url", "http://127.0.0.1:3/", "paused closed"},
			{"postback_url", "http://127.0.0.1:4/", "closed paused"},
			{"withdrawal_postback_url", "http://127.0.0.1:4/", "paused closed"},
			{"withdrawal_postback_url", "", "paused paused"}, // the same address by another way
		} {
			pause()
			set(Setting{step.key, step.value})
			if got := states(); got != step.want {
				t.Errorf("%s=%s: %s, want %s", step.key, step.value, got, step.want)
			}
		}
		pause()
		w.wantRefusal(w.g.SetMerchant(ctx, "shop", []Setting{{"postback_url", "http://127.0.0.1:9/"}, {"mismatch", "nonsense"}}), CodeInvalid)
		if got := states(); got != "paused paused" {
			t.Errorf("after a change that was refused: %s", got)
		}
		if got := w.status(otherDeposits).State; got != EndpointPaused {
			t.Errorf("another merchant's endpoint is %s", got)
		}
	})
}

// certificate makes a certificate in PEM.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func TestEndpointSettings(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		running := w.instance()
		ca, pin := certificate(t), base64.StdEncoding.EncodeToString(make([]byte, 32))
		number := func(n int) *int { return &n }
		text := func(s string) *string { return &s }
		if got := w.g.Directory().EndpointSettings(shopDeposits); got != (EndpointSettings{}) {
			t.Errorf("defaults: %+v", got)
		}
		w.must(w.g.SetEndpoints(ctx, "shop", both, EndpointChange{Concurrency: number(3), CA: text("comment\n" + ca + ca)}))
		w.must(w.g.SetEndpoints(ctx, "shop", []PostbackKind{PostbackDeposit}, EndpointChange{Rate: number(MaxEndpointRate), Pin: &pin}))
		w.must(running.refresh(ctx))
		want := EndpointSettings{Concurrency: 3, Rate: MaxEndpointRate, CA: ca + ca, Pin: pin}
		for _, g := range []*Gateway{w.g, running} {
			if got := g.Directory().EndpointSettings(shopDeposits); got != want {
				t.Errorf("settings %+v, want %+v", got, want)
			}
			if got := g.Directory().EndpointSettings(Endpoint{shop, PostbackWithdrawal}); got != (EndpointSettings{Concurrency: 3, CA: ca + ca}) {
				t.Errorf("of the other kind: %+v", got)
			}
			if got := g.Directory().EndpointSettings(otherDeposits); got != (EndpointSettings{}) {
				t.Errorf("of another merchant: %+v", got)
			}
		}
		if got := w.status(shopDeposits); got.Settings != want || got.State != EndpointClosed {
			t.Errorf("status: %+v", got)
		}
		block, _ := pem.Decode([]byte(ca))
		sum := sha256.Sum256(block.Bytes)
		if got := CAFingerprints(want.CA); len(got) != 2 || got[0] != hex.EncodeToString(sum[:]) || got[1] != got[0] {
			t.Errorf("fingerprints: %v", got)
		}
		w.must(w.g.SetEndpoints(ctx, "shop", both, EndpointChange{Concurrency: number(0), Rate: number(0), CA: text(""), Pin: text("")}))
		if got := w.g.Directory().EndpointSettings(shopDeposits); got != (EndpointSettings{}) {
			t.Errorf("back to the defaults: %+v", got)
		}

		w.wantRefusal(w.g.SetEndpoints(ctx, "nobody", both, EndpointChange{Rate: number(1)}), CodeNotFound)
		key := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("secret")}))
		for what, change := range map[string]EndpointChange{
			"concurrency: expected 0 to 1000": {Concurrency: number(MaxEndpointConcurrency + 1)},
			"concurrency":                     {Concurrency: number(-1)},
			"rate: expected 0 to 100000":      {Rate: number(MaxEndpointRate + 1)},
			"rate":                            {Rate: number(-1)},
			"at least one certificate":        {CA: text("nothing")},
			"found \"EC PRIVATE KEY\"":        {CA: text(ca + key)},
			"can't be read":                   {CA: text(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})))},
			"longer than 65536 bytes":         {CA: text(strings.Repeat(ca, 1+MaxEndpointCA/len(ca)))},
			"pin: expected the SHA-256":       {Pin: text(pin + pin)},
			"32 bytes in base64":              {Pin: text("sha256/" + pin)},
		} {
			w.refused(w.g.SetEndpoints(ctx, "shop", both, change), CodeInvalid, what)
		}
	})
}

func TestEndpointsTellWhatIsDue(t *testing.T) {
	eachWorld(t, func(w *world) {
		now := w.clock.Now()
		w.zoo() // all that is pending is due in an hour
		list, err := w.g.Endpoints(context.Background())
		w.must(err)
		if len(list) != 3 {
			t.Errorf("endpoints: %+v", list)
		}
		if got := w.status(shopDeposits); !got.DueAt.Equal(now.Add(time.Hour)) || got.Lag(now) != 0 || got.Lag(now.Add(61*time.Minute)) != time.Minute {
			t.Errorf("due: %+v", got)
		}
		if got := w.status(otherWithdrawals); got.Lag(now.Add(61*time.Minute)) != 0 {
			t.Errorf("a paused endpoint has no lag: %+v", got)
		}
		w.mutate("UPDATE postback SET state = 'delivered', ended_at = 1 WHERE merchant_id = 1")
		if got := w.status(shopDeposits); !got.DueAt.IsZero() || got.Lag(now.Add(time.Hour)) != 0 {
			t.Errorf("nothing is pending: %+v", got)
		}
		backlogs, err := Backlogs(context.Background(), w.g.store.Read())
		w.must(err)
		if len(backlogs) != 2 || backlogs[otherDeposits].Pending != 1 || !backlogs[otherDeposits].OldestAt.Equal(now.Add(-50*time.Hour)) {
			t.Errorf("backlogs: %+v", backlogs)
		}
	})
}
