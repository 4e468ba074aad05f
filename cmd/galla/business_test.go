package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// members are the names of a document in the order in which they stand.
func members(t testing.TB, stdout string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(stdout))
	var names []string
	for depth := 0; ; {
		token, err := decoder.Token()
		if err != nil {
			return names
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			continue
		}
		if name, ok := token.(string); ok && depth == 1 {
			names = append(names, name)
			var value json.RawMessage
			if err := decoder.Decode(&value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var shopArgs = []string{"merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/postback"}

// What scripts rely on, word by word.
func TestScriptedDocuments(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.environ = append(c.environ, "GALLA_BASE_URL=https://pay.example.com:8443")
		stdout := c.ok(append(slices.Clone(shopArgs), "--time-zone", "Asia/Kolkata", "--currency", "INR", "--json")...)
		if got, want := members(t, stdout), []string{
			"id", "slug", "server_url", "api_secret", "access_key", "postback_private_key", "webhook_secret", "withdrawal_private_key", "redirect_key",
		}; !slices.Equal(got, want) {
			t.Errorf("merchant add prints %v, want %v", got, want)
		}
		var merchant map[string]any
		one(t, stdout, &merchant)
		if merchant["id"] != json.Number("1") || merchant["slug"] != "shop" || merchant["server_url"] != "shop.pay.example.com:8443" {
			t.Errorf("merchant add: %v", merchant)
		}
		if key := merchant["access_key"].(string); len(key) != 30 || !strings.HasPrefix(merchant["webhook_secret"].(string), "whsec_") {
			t.Errorf("keys: %v", merchant)
		}
		wallet := c.json("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--currency", "INR", "--holder", "NAME",
			"--merchant", "shop", "--account-tail", "2536", "--account-tail", "9999", "--daily-amount", "1000.5")
		if wallet["id"] != json.Number("1") || wallet["account_id"] != json.Number("1") || wallet["daily_amount"] != "1000.50" {
			t.Errorf("wallet add: %v", wallet)
		}
		second := c.json("wallet", "add", "--method", "paytm", "--identifier", "shop@okhdfcbank", "--holder", "NAME", "--account", "1")
		if second["account_id"] != json.Number("1") || len(second["merchants"].([]any)) != 0 {
			t.Errorf("wallet add --account: %v", second)
		}
		const base = "https://pay.example.com:8443/evidence/v1/"
		for kind, url := range map[string]string{
			"transfers": base + "transfers", "sms": base + "messages", "android_income_sms_gateway": base + "forward/TOKEN",
			"smsgate": base + "forward/TOKEN", "smsforwarder": base + "forward/TOKEN",
		} {
			stdout := c.ok("source", "add", "--wallet", "1", "--kind", kind, "--json")
			if got := members(t, stdout); !slices.Equal(got, []string{"id", "token", "url"}) {
				t.Errorf("source add prints %v", got)
			}
			var source map[string]any
			one(t, stdout, &source)
			if source["url"] != strings.Replace(url, "TOKEN", source["token"].(string), 1) {
				t.Errorf("%s: %v", kind, source)
			}
		}
	})
}

// Secrets are shown once: by what makes them, and by nothing afterwards.
func TestSecretsAreShownOnce(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		merchant := c.json(shopArgs...)
		c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME")
		source := c.json("source", "add", "--wallet", "1", "--kind", "sms")
		secrets := []string{source["token"].(string)}
		for _, member := range []string{"api_secret", "postback_private_key", "webhook_secret", "withdrawal_private_key", "redirect_key"} {
			secrets = append(secrets, merchant[member].(string))
		}
		for kind, member := range map[string]string{"api_secret": "api_secret", "postback": "postback_private_key", "webhook": "webhook_secret", "withdrawal": "withdrawal_private_key", "redirect": "redirect_key"} {
			secrets = append(secrets, c.json("merchant", "rotate", "shop", "--kind", kind)[member].(string))
		}
		secrets = append(secrets, c.json("source", "rotate", "1")["token"].(string))
		if compact := slices.Compact(slices.Sorted(slices.Values(secrets))); len(compact) != 12 {
			t.Fatalf("%d different secrets, want 12", len(compact))
		}
		key, err := os.ReadFile(c.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, strings.TrimSpace(string(key)))
		for _, args := range [][]string{
			{"merchant", "show", "shop"}, {"merchant", "list"}, {"merchant", "set", "shop", "waiting_limit=3"}, {"wallet", "show", "1"},
			{"source", "list"}, {"source", "show", "1"}, {"doctor"}, {"audit"}, {"find", "shop"}, {"balance"}, {"source", "pause", "1"},
		} {
			for _, form := range [][]string{nil, {"--json"}} {
				got := c.run(append(slices.Clone(args), form...)...)
				for i, secret := range secrets {
					if got.code != exitDone || strings.Contains(got.stdout+got.stderr, secret) {
						t.Errorf("galla %v: exit %d, shows secret %d", args, got.code, i)
					}
				}
			}
		}
	})
}

func TestMerchantLife(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		c.fails(exitFailed, "there is a merchant shop already", shopArgs...)
		shown := c.json("merchant", "set", "shop", "mismatch=credit", "waiting_limit=10", "window=72h", "sms_limit=50000", "require_offer=false", "allow_ip=203.0.113.0/24,10.0.0.1")
		policy := shown["policy"].(map[string]any)
		if policy["mismatch"] != "credit" || policy["allow_ip"] != "203.0.113.0/24,10.0.0.1/32" || policy["window"] != "72h0m0s" {
			t.Errorf("policy: %v", policy)
		}
		if text := c.ok("merchant", "show", "shop"); !strings.Contains(text, "mismatch=credit") || !strings.Contains(text, "require_offer=false") {
			t.Errorf("show: %s", text)
		}
		c.fails(exitUsage, "expected hold, credit or refuse", "merchant", "set", "shop", "mismatch=no")
		if got := c.json("merchant", "pause", "shop"); got["state"] != "paused" {
			t.Errorf("pause: %v", got)
		}
		c.ok("merchant", "resume", "shop")
		c.ok("merchant", "domain", "add", "shop", "pay.shop.example")
		c.fails(exitUsage, "lies under localhost", "merchant", "domain", "add", "shop", "x.localhost")
		if got := c.ok("merchant", "domain", "list", "shop", "--json"); got != "[\"pay.shop.example\"]\n" {
			t.Errorf("domains: %s", got)
		}
		c.ok("merchant", "domain", "remove", "shop", "pay.shop.example")
		c.ok("merchant", "add", "--slug", "tries", "--name", "Tries", "--postback-url", "http://127.0.0.1:1/", "--sandbox")
		if got := c.list("merchant", "list"); len(got) != 2 || got[0]["state"] != "active" || got[1]["sandbox"] != true {
			t.Errorf("list: %v", got)
		}
		rotated := c.json("merchant", "rotate", "shop", "--kind", "postback", "--overlap", "0s")
		if len(rotated["access_key"].(string)) != 30 || rotated["postback_private_key"] == "" {
			t.Errorf("rotate: %v", rotated)
		}
		c.fails(exitUsage, "kind: expected one of", "merchant", "rotate", "shop", "--kind", "x")
	})
}

func TestWalletSenderRateLife(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok("wallet", "add", "--method", "bkash", "--identifier", "01712345678", "--holder", "NAME", "--account-type", "agent")
		if got := c.json("wallet", "set", "1", "daily_amount=500", "daily_count=3", "account_tails=123"); got["daily_amount"] != "500.00" || got["daily_count"] != json.Number("3") {
			t.Errorf("set: %v", got)
		}
		c.fails(exitUsage, "no setting", "wallet", "set", "1", "colour=red")
		for word, state := range map[string]string{"pause": "paused", "resume": "active"} {
			if got := c.json("wallet", word, "1"); got["state"] != state {
				t.Errorf("%s: %v", word, got)
			}
		}
		c.ok("wallet", "retire", "1")
		c.fails(exitFailed, "retired", "wallet", "resume", "1")
		c.fails(exitFailed, "no wallet 7", "wallet", "show", "7")
		if got := c.list("wallet", "list"); len(got) != 1 || got[0]["state"] != "retired" || got[0]["rail"] != nil {
			t.Errorf("list: %v", got)
		}
		c.ok("sender", "add", "vm-foobar", "--bank", "Foo Bank")
		if got := c.list("sender", "list"); len(got) < 30 || got[0]["header"] != "VM-FOOBAR" || got[0]["from"] != "operator" {
			t.Errorf("senders: %v", got[0])
		}
		c.ok("sender", "remove", "VM-FOOBAR")
		c.fails(exitFailed, "was not added", "sender", "remove", "VM-FOOBAR")
		c.ok("rate", "set", "BDT", "INR", "0.71")
		if got := c.list("rate", "list"); len(got) != 1 || got[0]["rate"] != "0.71" {
			t.Errorf("rates: %v", got)
		}
		c.fails(exitUsage, "rate", "rate", "set", "BDT", "INR", "0")
	})
}

// Only what may create a database does; a key file is made beside a new SQLite database and never in place of a lost one.
func TestDatabaseAndKeyFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "data", "galla.db")
	c := &console{t: t, clock: testkit.NewClock(), environ: []string{"GALLA_DATABASE=sqlite:" + path}}
	for _, args := range [][]string{{"merchant", "list"}, {"audit"}, {"balance"}, {"find", "x"}, shopArgs, {"recovery", "status"}, {"key", "rotate"}} {
		c.fails(exitFailed, "no database at "+path+": make one with galla migrate", args...)
	}
	c.fails(exitFailed, "something failed", "doctor")
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Fatalf("a command that may not create a database made its folder: %v", err)
	}
	made := c.json("migrate")
	if again := c.json("migrate"); again["key_id"] != made["key_id"] {
		t.Errorf("migrate twice: %v then %v", made, again)
	}
	keyFile := filepath.Join(folder, "data", "galla.key")
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v %v", info, err)
	}
	c.ok(shopArgs...)
	if err := os.Rename(keyFile, keyFile+".lost"); err != nil {
		t.Fatal(err)
	}
	c.fails(exitFailed, "no key file", "migrate")
	c.fails(exitFailed, "no key file", "merchant", "pause", "shop")
	c.ok("merchant", "list") // reading needs no key
	c.ok("key", "new", "--file", keyFile)
	c.fails(exitFailed, "was left as it is", "key", "new", "--file", keyFile)
	other := c.fails(exitFailed, "the key file does not belong to this database", "merchant", "pause", "shop")
	if !strings.Contains(other.stderr, made["key_id"].(string)) {
		t.Errorf("the database's key isn't named: %s", other.stderr)
	}
	if err := os.Rename(keyFile+".lost", keyFile); err != nil {
		t.Fatal(err)
	}
	c.ok("merchant", "pause", "shop")
}

func TestPostgresNeedsItsKeyFile(t *testing.T) {
	c := newConsole(t, testkit.Postgres(t))
	c.fails(exitFailed, "no key file at "+c.keyFile, "migrate")
	c.environ = slices.DeleteFunc(c.environ, func(entry string) bool { return strings.HasPrefix(entry, "GALLA_KEY_FILE") })
	c.fails(exitFailed, "GALLA_KEY_FILE is not set", "migrate")
}

// Admin commands work beside a server; what needs the database alone says so.
func TestBesideServer(t *testing.T) {
	database := testkit.SQLite(t)
	c := newConsole(t, database)
	c.ok("key", "new", "--file", c.keyFile)
	c.ok("migrate")
	server, err := store.Open(t.Context(), database, store.Existing, store.Options{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c.ok(shopArgs...)
	c.ok("merchant", "pause", "shop")
	c.ok("audit")
	c.fails(exitFailed, "in use by another galla", "migrate")
}

// A rotation that stopped between the key file and the database goes on where it was.
func TestKeyRotation(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME")
		c.ok("source", "add", "--wallet", "1", "--kind", "sms")
		first := c.json("key", "rotate")
		if first["resumed"] != false || first["keys_sealed"] != json.Number("4") || first["tokens_sealed"] != json.Number("1") {
			t.Errorf("rotate: %v", first)
		}
		older, err := os.ReadFile(c.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		second := c.json("key", "rotate")
		newer, err := os.ReadFile(c.keyFile)
		if err != nil || len(newer) != 3*65 {
			t.Fatalf("key file of %d bytes: %v", len(newer), err)
		}
		// As after a crash: the database as it is, and a key file with one key more.
		if err := os.WriteFile(c.keyFile, append([]byte(strings.Repeat("ab", 32)+"\n"), newer...), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.json("doctor"); !strings.Contains(c.ok("doctor"), "a rotation was interrupted") || got["ok"] != true {
			t.Errorf("doctor: %v", got)
		}
		third := c.json("key", "rotate")
		if third["resumed"] != true || third["keys_sealed"] != json.Number("4") || third["key_id"] == second["key_id"] {
			t.Errorf("resumed: %v", third)
		}
		after, err := os.ReadFile(c.keyFile)
		if err != nil || len(after) != 4*65 {
			t.Errorf("a resumed rotation must not add a key: %d bytes, %v", len(after), err)
		}
		// A copy of the key file from before, as another instance might have.
		if err := os.WriteFile(c.keyFile, older, 0o600); err != nil {
			t.Fatal(err)
		}
		c.fails(exitFailed, "does not belong to this database", "key", "rotate")
		if now, err := os.ReadFile(c.keyFile); err != nil || string(now) != string(older) {
			t.Errorf("a refused rotation changed the key file: %v", err)
		}
	})
}
