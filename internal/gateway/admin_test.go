package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// eachEmpty runs a story on both engines over a database without merchants.
func eachEmpty(t *testing.T, story func(w *world)) {
	eachEmptyWithKeyFile(t, func(w *world, _ string) { story(w) })
}

func eachEmptyWithKeyFile(t *testing.T, story func(w *world, path string)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		path := filepath.Join(t.TempDir(), "key")
		if err := keyring.Generate(path); err != nil {
			t.Fatal(err)
		}
		keys, err := keyring.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, clock: testkit.NewClock(), database: database, keys: keys}
		w.g = w.instance()
		story(w, path)
	})
}

// beside opens the database beside the gateway, without its rules.
func (w *world) beside() *sql.DB {
	w.t.Helper()
	driver, source := "pgx", w.database
	if path, ok := strings.CutPrefix(w.database, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	w.must(err)
	w.t.Cleanup(func() { w.must(db.Close()) })
	return db
}

// mutate changes the database behind everybody's back.
func (w *world) mutate(query string) {
	w.t.Helper()
	if _, err := w.beside().Exec(query); err != nil {
		w.t.Fatal(query, err)
	}
}

// refused checks that an error is a refusal of that code that tells of what.
func (w *world) refused(err error, code, what string) {
	w.t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != code || !strings.Contains(refusal.Message, what) {
		w.t.Fatalf("got %v, want a refusal %s with %q", err, code, what)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newShop(slug string) NewMerchant {
	return NewMerchant{Slug: slug, PostbackURL: "https://" + slug + ".example/postback"}
}

func (w *world) addMerchant(m NewMerchant) AddedMerchant {
	w.t.Helper()
	added, err := w.g.AddMerchants(context.Background(), m)
	w.must(err)
	return added[0]
}

func (w *world) addWallet(n NewWallet) wallet.Wallet {
	w.t.Helper()
	added, err := w.g.AddWallet(context.Background(), n)
	w.must(err)
	return added
}

func phone(identifier string, merchants ...string) NewWallet {
	return NewWallet{Method: "phone_pe", Identifier: identifier, Holder: "Holder", Merchants: merchants}
}

func TestAddMerchants(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		added, err := w.g.AddMerchants(ctx, newShop("shop"), newShop("other"))
		w.must(err)
		if added[0].ID != 1 || added[1].ID != 2 {
			t.Fatal("ids", added[0].ID, added[1].ID)
		}
		m, ok := w.g.Directory().MerchantBySecret(added[1].APISecret, w.clock.Now())
		if !ok || m.Slug != "other" || m.Name != "other" || m.Currency != money.INR || m.Zone.String() != merchant.DefaultTimeZone {
			t.Fatalf("merchant by secret: %+v", m)
		}
		if m.AccessKey != added[1].AccessKey || m.PostbackKey() != added[1].PostbackKey || m.RedirectKey() != added[1].RedirectKey {
			t.Fatal("the keys aren't those that were given away")
		}
		if got := m.WebhookSecrets(w.clock.Now()); !slices.Equal(got, []string{added[1].WebhookSecret.Reveal()}) {
			t.Fatal("webhook secrets", got)
		}
		w.want("sealed keys", w.count("SELECT count(*) FROM merchant_key WHERE sealed IS NOT NULL"), 8)
		w.want("ledger accounts", w.count("SELECT count(*) FROM ledger_account"), 2*5)

		_, err = w.g.AddMerchants(ctx, newShop("third"), newShop("shop"))
		w.refused(err, CodeTaken, "merchant shop")
		w.want("merchants after a refusal", w.count("SELECT count(*) FROM merchant"), 2)
	})
}

func TestAddMerchantRefuses(t *testing.T) {
	eachEmpty(t, func(w *world) {
		for what, m := range map[string]NewMerchant{
			"slug: expected":  {Slug: "Shop", PostbackURL: "https://x.example/"},
			"reserved":        {Slug: "api", PostbackURL: "https://x.example/"},
			"postback URL":    {Slug: "shop"},
			"withdrawal post": {Slug: "shop", PostbackURL: "https://x.example/", WithdrawalPostbackURL: "ftp://x.example/"},
			`"Local"`:         {Slug: "shop", PostbackURL: "https://x.example/", TimeZone: "Local"},
			`"Asia/Nowhere"`:  {Slug: "shop", PostbackURL: "https://x.example/", TimeZone: "Asia/Nowhere"},
			"currency":        {Slug: "shop", PostbackURL: "https://x.example/", Currency: "inr"},
			"printed":         {Slug: "shop", PostbackURL: "https://x.example/", Name: "a\x1b[31m"},
			"longer than 100": {Slug: "shop", PostbackURL: "https://x.example/", Name: strings.Repeat("é", 101)},
		} {
			_, err := w.g.AddMerchants(context.Background(), m)
			w.refused(err, CodeInvalid, what)
		}
		w.want("merchants", w.count("SELECT count(*) FROM merchant"), 0)
	})
}

func TestSetMerchant(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		id := w.addMerchant(newShop("shop")).ID
		settings, err := ParseSettings([]string{"mismatch=credit", "waiting_limit=3", "fee=1.5+2,phone_pe:1+0", "name=The Shop", "time_zone=Asia/Kolkata", "sms_limit=1000.50"})
		w.must(err)
		w.must(w.g.SetMerchant(ctx, "shop", settings))
		m, _ := w.g.Directory().Merchant(id)
		if p := m.Policy; p.Mismatch != merchant.MismatchCredit || p.WaitingLimit != 3 || p.SMSLimit != 100050 || p.Fee("paytm").PPM != 15000 || m.Name != "The Shop" || m.Zone.String() != "Asia/Kolkata" {
			t.Fatalf("policy %+v of %+v", p, m)
		}
		for what, s := range map[string]Setting{
			"expected hold, credit": {"mismatch", "maybe"}, "no setting": {"colour", "red"}, `no method "cash"`: {"fee", "cash:1"},
			"postback URL": {"postback_url", "x"}, "expected CIDRs": {"allow_ip", "10"},
		} {
			w.refused(w.g.SetMerchant(ctx, "shop", []Setting{{"waiting_limit", "9"}, s}), CodeInvalid, what)
		}
		m, _ = w.g.Directory().Merchant(id)
		if m.Policy.WaitingLimit != 3 {
			t.Fatal("a refused set changed something")
		}
		w.refused(w.g.SetMerchant(ctx, "nobody", settings), CodeNotFound, "nobody")
		w.must(w.g.MoveMerchant(ctx, "shop", merchant.Paused))
		if m, _ = w.g.Directory().Merchant(id); m.State != merchant.Paused || m.Policy.WaitingLimit != 3 {
			t.Fatal("pause", m.State, m.Policy)
		}
	})
}

// Acts on one merchant from several processes at once must not overwrite each other.
func TestSettingsAreNotLost(t *testing.T) {
	eachEmpty(t, func(w *world) {
		id := w.addMerchant(newShop("shop")).ID
		second := w.instance()
		keys := []string{"waiting_limit", "minimum", "maximum", "daily_amount", "payer_daily_amount", "payer_daily_count", "sms_limit"}
		var group sync.WaitGroup
		for i, key := range keys {
			g := []*Gateway{w.g, second}[i%2]
			group.Go(func() {
				if err := g.SetMerchant(context.Background(), "shop", []Setting{{key, "77"}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		w.must(w.g.Reload(context.Background()))
		m, _ := w.g.Directory().Merchant(id)
		for _, key := range keys {
			if got := m.Policy.Show(money.INR)[key]; got != "77" {
				t.Errorf("%s is %s: another act overwrote it", key, got)
			}
		}
	})
}

func TestOtherInstancesNotice(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		second := w.instance()
		w.addMerchant(newShop("shop"))
		w.must(second.refresh(ctx))
		if _, ok := second.Directory().MerchantBySlug("shop"); !ok {
			t.Fatal("the other instance doesn't know the merchant")
		}
		w.must(w.g.MoveMerchant(ctx, "shop", merchant.Paused))
		w.must(second.refresh(ctx))
		if m, _ := second.Directory().MerchantBySlug("shop"); m.State != merchant.Paused {
			t.Fatal("the other instance doesn't know the pause")
		}
	})
}

func TestRotateMerchantKey(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		first := w.addMerchant(newShop("shop"))
		live := func(secret keyring.Secret) bool {
			_, ok := w.g.Directory().MerchantBySecret(secret, w.clock.Now())
			return ok
		}
		second, err := w.g.RotateMerchantKey(ctx, "shop", "api_secret", 24*time.Hour)
		w.must(err)
		if !live(first.APISecret) || !live(second.Secret) {
			t.Fatal("both secrets must be valid during the overlap")
		}
		w.clock.Advance(time.Hour)
		third, err := w.g.RotateMerchantKey(ctx, "shop", "api_secret", 24*time.Hour)
		w.must(err)
		if live(first.APISecret) || !live(second.Secret) || !live(third.Secret) {
			t.Fatal("two secrets may be valid at once, the newest two")
		}
		w.clock.Advance(24 * time.Hour)
		if live(second.Secret) || !live(third.Secret) {
			t.Fatal("the overlap is over")
		}
		fourth, err := w.g.RotateMerchantKey(ctx, "shop", "api_secret", 0)
		w.must(err)
		if live(third.Secret) || !live(fourth.Secret) {
			t.Fatal("without overlap the old secret ends at once")
		}

		m := func() *Merchant { m, _ := w.g.Directory().MerchantBySlug("shop"); return m }
		hook, err := w.g.RotateMerchantKey(ctx, "shop", "webhook", time.Hour)
		w.must(err)
		if got := m().WebhookSecrets(w.clock.Now()); !slices.Equal(got, []string{hook.Secret.Reveal(), first.WebhookSecret.Reveal()}) {
			t.Fatal("webhooks are signed with the new and the old secret, got", len(got))
		}
		w.clock.Advance(time.Hour)
		if got := m().WebhookSecrets(w.clock.Now()); !slices.Equal(got, []string{hook.Secret.Reveal()}) {
			t.Fatal("the old webhook secret is over, got", len(got))
		}
		pair, err := w.g.RotateMerchantKey(ctx, "shop", "postback", time.Hour)
		w.must(err)
		if m().AccessKey != pair.AccessKey || m().PostbackKey() != pair.Secret || pair.AccessKey == first.AccessKey || !pair.OldUntil.Equal(w.clock.Now()) {
			t.Fatal("postbacks are signed with the new pair")
		}
		redirect, err := w.g.RotateMerchantKey(ctx, "shop", "redirect", time.Hour)
		w.must(err)
		if m().RedirectKey() != redirect.Secret {
			t.Fatal("links are signed with the new key")
		}
		if got := m().RedirectKeys(w.clock.Now()); !slices.Equal(got, []string{redirect.Secret.Reveal(), first.RedirectKey.Reveal()}) {
			t.Fatal("links are checked with the new and the old key, got", len(got))
		}
		if got := m().RedirectKeys(w.clock.Now().Add(time.Hour)); !slices.Equal(got, []string{redirect.Secret.Reveal()}) {
			t.Fatal("the old key of links is over, got", len(got))
		}
		_, err = w.g.RotateMerchantKey(ctx, "shop", "other", time.Hour)
		w.refused(err, CodeInvalid, "kind")
		_, err = w.g.RotateMerchantKey(ctx, "shop", "webhook", -time.Hour)
		w.refused(err, CodeInvalid, "overlap")
		_, err = w.g.RotateMerchantKey(ctx, "nobody", "webhook", time.Hour)
		w.refused(err, CodeNotFound, "nobody")
	})
}

func TestDomains(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		w.addMerchant(newShop("shop"))
		w.addMerchant(newShop("other"))
		w.must(w.g.AddDomain(ctx, "shop", "pay.example.com"))
		if m, ok := w.g.Directory().MerchantByDomain("pay.example.com"); !ok || m.Slug != "shop" {
			t.Fatal("domain", m, ok)
		}
		w.refused(w.g.AddDomain(ctx, "other", "pay.example.com"), CodeTaken, "pay.example.com")
		for _, host := range []string{"", "localhost", "Pay.example.com", "pay.example.com:8080", "10.0.0.1", "a..b", "-a.example", "https://a.example", strings.Repeat("a.", 127) + "com"} {
			w.refused(w.g.AddDomain(ctx, "shop", host), CodeInvalid, "host name")
		}
		w.refused(w.g.RemoveDomain(ctx, "other", "pay.example.com"), CodeNotFound, "no domain")
		w.must(w.g.RemoveDomain(ctx, "shop", "pay.example.com"))
		if _, ok := w.g.Directory().MerchantByDomain("pay.example.com"); ok {
			t.Fatal("the domain is still known")
		}
	})
}

func TestSendersAndRates(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		w.must(w.g.SetSender(ctx, "vm-foobar-s", "Foo Bank"))
		w.want("headers", w.count("SELECT count(*) FROM sender_header WHERE header = 'VM-FOOBAR-S' AND bank = 'Foo Bank'"), 1)
		w.refused(w.g.SetSender(ctx, "+919812345678", "Foo Bank"), CodeInvalid, "header")
		w.refused(w.g.SetSender(ctx, "FOOBAR", ""), CodeInvalid, "bank")
		w.must(w.g.RemoveSender(ctx, "VM-FOOBAR-S"))
		w.refused(w.g.RemoveSender(ctx, "VM-FOOBAR-S"), CodeNotFound, "FOOBAR")

		w.must(w.g.SetRate(ctx, "BDT", "INR", "0.710"))
		if got := w.g.Directory().rates[[2]money.Currency{money.BDT, money.INR}].Text(); got != "0.71" {
			t.Fatal("rate", got)
		}
		w.must(w.g.SetRate(ctx, "BDT", "INR", "0.72"))
		if got := w.g.Directory().rates[[2]money.Currency{money.BDT, money.INR}].Text(); got != "0.72" {
			t.Fatal("rate", got)
		}
		for _, args := range [][3]string{{"BDT", "BDT", "1"}, {"bdt", "INR", "1"}, {"BDT", "XXX", "1"}, {"BDT", "INR", "0"}, {"BDT", "INR", "-1"}, {"BDT", "INR", "1e3"}} {
			w.refused(w.g.SetRate(ctx, args[0], args[1], args[2]), CodeInvalid, "")
		}
	})
}

// A rotation seals everything anew, may stop in between, and keeps every secret working.
func TestReseal(t *testing.T) {
	eachEmptyWithKeyFile(t, func(w *world, path string) {
		ctx := context.Background()
		shop := w.addMerchant(newShop("shop"))
		id := w.addWallet(phone("6234234234", "shop")).ID
		source, err := w.g.AddSource(ctx, id, "sms")
		w.must(err)

		old := w.keys
		w.keys, err = keyring.Rotate(path)
		w.must(err)
		g := w.instance() // half way: everything is still under the old key
		if _, ok := g.Directory().MerchantBySecret(shop.APISecret, w.clock.Now()); !ok {
			t.Fatal("the API secret must work during a rotation")
		}
		sealed, err := g.Reseal(ctx)
		w.must(err)
		if sealed != (Resealed{Keys: 4, Tokens: 1}) {
			t.Fatalf("sealed %+v", sealed)
		}
		if again, err := g.Reseal(ctx); err != nil || again != (Resealed{}) {
			t.Fatalf("a second run sealed %+v: %v", again, err)
		}
		m, ok := g.Directory().MerchantBySecret(shop.APISecret, w.clock.Now())
		if !ok || m.PostbackKey() != shop.PostbackKey || m.RedirectKey() != shop.RedirectKey {
			t.Fatal("a merchant's key was lost")
		}
		if s, ok := g.Directory().SourceByToken(source.Token); !ok || s.Token != source.Token {
			t.Fatal("the source's token was lost")
		}
		s, err := store.Open(ctx, w.database, store.Existing, store.Options{})
		w.must(err)
		defer s.Close()
		if _, err := Open(ctx, s, old, Options{Now: w.clock.Now}); !errors.Is(err, keyring.ErrOtherKey) {
			t.Fatal("the old key file alone must be refused, got", err)
		}
	})
}

// Every merchant has a balance in each currency that it can be paid in, whichever came first.
func TestLedgerAccounts(t *testing.T) {
	eachEmpty(t, func(w *world) {
		w.addMerchant(newShop("first"))
		w.addWallet(phone("6234234234"))
		w.addWallet(NewWallet{Method: "bkash", Identifier: "01712345678", Holder: "Holder"})
		w.addMerchant(newShop("second"))
		sandbox := newShop("tries")
		sandbox.Sandbox = true
		w.addMerchant(sandbox)
		for owner, currencies := range map[int64][]money.Currency{1: {"INR", "BDT"}, 2: {"INR", "BDT"}, 3: {"INR"}} {
			for _, kind := range []ledger.AccountKind{ledger.Merchant, ledger.Fees} {
				for _, c := range []money.Currency{"INR", "BDT"} {
					_, ok := w.g.Directory().ledger[ledger.AccountKey{Kind: kind, OwnerID: owner, Currency: c}]
					if ok != slices.Contains(currencies, c) {
						t.Errorf("%s of merchant %d in %s: %t", kind, owner, c, ok)
					}
				}
			}
		}
		w.want("accounts' ledger", w.count("SELECT count(*) FROM ledger_account WHERE kind IN ('receiving', 'unclaimed')"), 4)
		w.want("all", w.count("SELECT count(*) FROM ledger_account"), 4+4+4+2+3*3)
		w.want("for withdrawals", w.count("SELECT count(*) FROM ledger_account WHERE kind IN ('reserved', 'paid_out', 'treasury') AND currency = 'INR'"), 3*3)
		if fmt.Sprint(w.g.Directory().Methods(must1(w.g.Directory().MerchantBySlug("tries")))) != "[]" {
			t.Error("a sandbox merchant has a live wallet")
		}
	})
}

func must1[T any](v T, ok bool) T {
	if !ok {
		panic("not found")
	}
	return v
}
