package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAdministrationBesideAServer(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("pause", pauses)
		w.tell("settings", settings)
		w.tell("decide a claim", decideClaims)
		w.tell("decide a transfer", decideTransfers)
		w.tell("find and list", findAndList)
		w.tell("new tokens and secrets", rotations)
		w.tell("domains", domains)
		w.tell("refused acts", refusedActs)
	})
}

func pauses(w *world) {
	create := call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"pauses"}`}
	shown, none := `{"status":"ok","params":{"identifier":"6234234234"}}`, failJSON("No wallet is available right now")
	w.want(create, http.StatusOK, shown)
	wallet := fmt.Sprint(w.wallet)
	for _, act := range [][2][]string{
		{{"wallet", "pause", wallet}, {"wallet", "resume", wallet}},
		{{"merchant", "pause", "shop"}, {"merchant", "resume", "shop"}},
	} {
		w.must(act[0]...)
		w.soon(strings.Join(act[0], " "), func() bool { return w.do(create).body == none })
		number := w.number()
		w.pay(number, "500") // money that lands now still counts
		w.wantClaim("paused-"+number, "pauses", number, "500", okJSON("500"))
		w.must(act[1]...)
		w.soon(strings.Join(act[1], " "), func() bool { return w.do(create).body == shown })
	}
}

// settings: each changes what a claim is answered.
func settings(w *world) {
	orders := 0
	// each try has a transfer and an order of its own; the amount claimed is one less.
	mismatch := func() string {
		orders++
		number := w.number()
		w.pay(number, "100")
		return w.claim(fmt.Sprint("set-", orders), fmt.Sprint("setter-", orders), number, "99")
	}
	set := func(setting, want string, try func() string) {
		w.t.Helper()
		w.must("merchant", "set", "shop", setting)
		w.soon(setting, func() bool { return try() == want })
	}
	if got := mismatch(); got != pendingJSON {
		w.t.Errorf("default: %s", got)
	}
	set("mismatch=credit", okJSON("100"), mismatch)
	set("mismatch=refuse", failJSON(refusedText), mismatch)
	set("mismatch=hold", pendingJSON, mismatch)
	exact := func() string {
		orders++
		number := w.number()
		w.pay(number, "100")
		return w.claim(fmt.Sprint("set-", orders), fmt.Sprint("setter-", orders), number, "100")
	}
	set("maximum=99.99", pendingJSON, exact)
	set("maximum=0", okJSON("100"), exact)
	set("require_offer=true", pendingJSON, exact)
	set("require_offer=false", okJSON("100"), exact)
	waiting := func() string {
		orders++
		w.claim(fmt.Sprint("set-", orders), "one waits", w.number(), "100")
		orders++
		return w.claim(fmt.Sprint("set-", orders), "one waits", w.number(), "100")
	}
	set("waiting_limit=1", failJSON(tooManyText), waiting)
	w.must("merchant", "set", "shop", "waiting_limit=10")
	address := func() string {
		return w.do(call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"address"}`}).body
	}
	set("allow_ip=203.0.113.0/24", notFoundJSON, address)
	set("allow_ip=", `{"status":"ok","params":{"identifier":"6234234234"}}`, address)
	var shown struct{ Policy map[string]string }
	if w.json(&shown, "merchant", "show", "shop"); shown.Policy["mismatch"] != "hold" || shown.Policy["waiting_limit"] != "10" || shown.Policy["window"] != "72h0m0s" {
		w.t.Errorf("policy %v", shown.Policy)
	}
}

// held makes a held claim on a transfer of 100.
func (w *world) held(order string) (claim claimShown, number string) {
	w.t.Helper()
	number = w.number()
	w.pay(number, "100")
	w.wantClaim(order, "held-"+order, number, "99", pendingJSON)
	claim = w.show(order)
	if claim.State != "held" || claim.Reason != "amount_mismatch" {
		w.t.Fatalf("claim %+v", claim)
	}
	return claim, number
}

func decideClaims(w *world) {
	accepted, number := w.held("decide-accept")
	w.wantClaim("decide-other", "another payer", number, "100", pendingJSON)
	w.must("claim", "accept", fmt.Sprint(accepted.ID), "--reason", "seen on the statement")
	w.wantClaim("decide-accept", "held-decide-accept", number, "99", okJSON("100"))
	w.wantClaim("decide-other", "another payer", number, "100", failJSON(refusedText))
	w.told("shop", "decide-accept")
	shown := w.show("decide-accept")
	if last := shown.Transitions[len(shown.Transitions)-1]; last.Actor != "tester" || last.To != "accepted" || !strings.Contains(string(last.Facts), "seen on the statement") {
		w.t.Errorf("the act isn't kept: %+v", last)
	}
	if shown.Deposit == nil || shown.Deposit.Amount != "100.00" {
		w.t.Errorf("credit %+v", shown.Deposit)
	}

	refused, number := w.held("decide-refuse")
	w.must("claim", "refuse", fmt.Sprint(refused.ID), "--reason", "not theirs")
	w.wantClaim("decide-refuse", "held-decide-refuse", number, "99", failJSON(refusedText))
	if shown := w.show("decide-refuse"); shown.Postback != nil || shown.State != "refused" {
		w.t.Errorf("refused: %+v", shown)
	}
	for _, id := range []int64{accepted.ID, refused.ID} {
		if r := w.run("claim", "accept", fmt.Sprint(id), "--reason", "again"); r.Code != 1 || !strings.Contains(r.Stderr, "isn't held") {
			w.t.Errorf("accepted twice: %+v", r)
		}
	}
	var list []struct{ ID int64 }
	w.json(&list, "claim", "list", "--state", "held")
	for _, c := range list {
		if c.ID == accepted.ID || c.ID == refused.ID {
			w.t.Errorf("claim %d is still listed as held", c.ID)
		}
	}
}

// quarantined makes a transfer that two reports contradict, and a claim on it.
func (w *world) quarantined(order string) (transfer int64, number string) {
	w.t.Helper()
	number = w.number()
	w.pay(number, "100")
	w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token, fmt.Sprintf(`{"reference":%q,"amount":"101"}`, number))
	w.wantClaim(order, order, number, "100", pendingJSON)
	var list []struct {
		ID     int64
		Number string
	}
	w.json(&list, "transfer", "list", "--state", "quarantined")
	for _, t := range list {
		if t.Number == number {
			return t.ID, number
		}
	}
	w.t.Fatalf("%s isn't quarantined: %v", number, list)
	return 0, ""
}

func decideTransfers(w *world) {
	released, number := w.quarantined("quarantine-release")
	w.must("transfer", "release", fmt.Sprint(released), "--reason", "the statement says 100")
	w.wantClaim("quarantine-release", "quarantine-release", number, "100", okJSON("100"))
	w.told("shop", "quarantine-release")
	rejected, number := w.quarantined("quarantine-reject")
	w.must("transfer", "reject", fmt.Sprint(rejected), "--reason", "invented")
	w.wantClaim("quarantine-reject", "quarantine-reject", number, "100", failJSON(refusedText))
	w.wantClaim("quarantine-later", "later", number, "100", failJSON(refusedText))
	var shown struct {
		State       string
		Marks       []string
		Evidence    []struct{ Outcome string }
		Transitions []struct{ Actor, Reason, To string }
	}
	w.json(&shown, "transfer", "show", fmt.Sprint(rejected))
	last := shown.Transitions[len(shown.Transitions)-1]
	if shown.State != "rejected" || len(shown.Evidence) != 2 || last.Actor != "tester" || last.Reason != "invented" {
		w.t.Errorf("transfer %+v", shown)
	}
	if r := w.run("transfer", "release", fmt.Sprint(rejected), "--reason", "again"); r.Code != 1 {
		w.t.Errorf("released after reject: %+v", r)
	}
}

func findAndList(w *world) {
	number := w.number()
	w.pay(number, "500")
	w.wantClaim("find-order", "find-label", number, "500", okJSON("500"))
	deposit := w.show("find-order").Deposit.ID
	for _, text := range []string{number, number[:4] + " " + number[4:], "find-order", "find-ord", "find-label", "payer@ybl", fmt.Sprint(deposit)} {
		var found []struct{ Kind, State, Number, Amount, Who string }
		w.json(&found, "find", text)
		claims, transfers := 0, 0
		for _, f := range found {
			claims += map[bool]int{true: 1}[f.Kind == "claim" && strings.Contains(f.Who, "find-order")]
			transfers += map[bool]int{true: 1}[f.Kind == "transfer" && f.Number == number]
		}
		if claims == 0 && transfers == 0 {
			w.t.Errorf("find %q: %+v", text, found)
		}
	}
	var nothing []any
	if w.json(&nothing, "find", "no such thing"); nothing == nil || len(nothing) != 0 {
		w.t.Errorf("found %v", nothing)
	}
	if plain := w.must("find", number); !strings.Contains(plain, "find-order") || strings.Contains(plain, "{") {
		w.t.Errorf("for people: %s", plain)
	}
	token := w.sources["sms"].Token
	w.bearer("/evidence/v1/messages", token, `{"sender":"VM-HDFCBK-S","text":"hello \u001b[2J you"}`)
	var list []struct {
		ID           int64
		Outcome, Raw string
	}
	w.json(&list, "evidence", "list", "--outcome", "unparsed", "--limit", "1")
	if len(list) != 1 || list[0].Outcome != "unparsed" || !strings.Contains(list[0].Raw, "hello") {
		w.t.Fatalf("evidence %+v", list)
	}
	for _, plain := range []string{w.must("evidence", "list"), w.must("evidence", "show", fmt.Sprint(list[0].ID))} {
		if strings.Contains(plain, "\x1b") {
			w.t.Errorf("text from outside moves the terminal: %q", plain)
		}
	}
	var balances []struct{ Kind, Currency, Balance string }
	w.json(&balances, "balance")
	if len(balances) == 0 {
		w.t.Error("no balances")
	}
}

func rotations(w *world) {
	old := w.sources["transfers"]
	var fresh source
	w.secretly(&fresh, "source", "rotate", fmt.Sprint(old.ID))
	w.said.secret(fresh.Token)
	send := func(token string) int { return w.bearer("/evidence/v1/transfers", token, `[]`).code }
	w.soon("the old token is dead", func() bool { return send(old.Token) == http.StatusUnauthorized })
	if got := send(fresh.Token); got != http.StatusOK || fresh.ID != old.ID || fresh.URL != old.URL {
		w.t.Errorf("the new token: %d %d %s", got, fresh.ID, fresh.URL)
	}
	w.sources["transfers"] = fresh
	id := fmt.Sprint(fresh.ID)
	w.must("source", "pause", id)
	w.soon("a paused source", func() bool { return send(fresh.Token) == http.StatusForbidden })
	w.must("source", "resume", id)
	w.soon("a resumed source", func() bool { return send(fresh.Token) == http.StatusOK })

	k := w.addMerchant("rotating")
	create := func(secret string) int {
		return w.do(call{host: baseHost, path: "/api/v1/transaction/create/paytm?secret=" + secret, body: `{"currency":"INR","label":"1"}`}).code
	}
	w.soon("a new merchant", func() bool { return create(k.APISecret) == http.StatusOK })
	rotate := func(more ...string) string {
		var doc map[string]any
		w.secretly(&doc, append([]string{"merchant", "rotate", "rotating", "--kind", "api_secret"}, more...)...)
		secret, _ := doc["api_secret"].(string)
		w.said.secret(secret)
		return secret
	}
	second := rotate()
	w.soon("the second secret", func() bool { return create(second) == http.StatusOK })
	if create(k.APISecret) != http.StatusOK {
		w.t.Error("the first secret ended before its overlap")
	}
	third := rotate("--overlap", "0")
	w.soon("only the third secret", func() bool {
		return create(third) == http.StatusOK && create(second) == http.StatusNotFound && create(k.APISecret) == http.StatusNotFound
	})
}

func domains(w *world) {
	c := call{host: "api.shop.example", path: "/api/v1/transaction/create/phone_pe?secret=" + w.other.APISecret, body: `{"currency":"INR","label":"1"}`}
	w.want(c, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234235"}}`) // a host that names nobody
	w.must("merchant", "domain", "add", "shop", "shop.example")
	w.soon("the domain is shop's", func() bool { return w.do(c).body == notFoundJSON })
	c.path = w.createPath("phone_pe")
	w.want(c, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234234"}}`)
	w.must("merchant", "domain", "remove", "shop", "shop.example")
}

// refusedActs end with 1 or 2, say why on stderr, and with --json as one document on stdout.
func refusedActs(w *world) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/"}, 1, "shop"},
		{[]string{"merchant", "add", "--slug", "api", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/"}, 2, "slug"},
		{[]string{"merchant", "add", "--slug", "new", "--name", "Shop", "--postback-url", "ftp://127.0.0.1/"}, 2, "http"},
		{[]string{"merchant", "add", "--slug", "new", "--name", "Shop", "--postback-url", "http://127.0.0.1/", "--time-zone", "Mars/Base"}, 2, "zone"},
		{[]string{"merchant", "add", "--slug", "new"}, 2, "name"},
		{[]string{"merchant", "set", "nobody", "mismatch=hold"}, 1, "nobody"},
		{[]string{"merchant", "set", "shop", "mismatch=maybe"}, 2, "mismatch"},
		{[]string{"merchant", "set", "shop", "nothing=1"}, 2, "nothing"},
		{[]string{"wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "H"}, 1, "6234234234"},
		{[]string{"wallet", "add", "--method", "phone_pe", "--identifier", "12", "--holder", "H"}, 2, "phone_pe"},
		{[]string{"wallet", "add", "--method", "nothing", "--identifier", "6234234239", "--holder", "H"}, 2, "nothing"},
		{[]string{"wallet", "add", "--method", "phone_pe", "--identifier", "6234234239", "--currency", "USD", "--holder", "H"}, 2, "INR"},
		{[]string{"wallet", "pause", "99"}, 1, "wallet 99"},
		{[]string{"wallet", "pause", "x"}, 2, "wallet"},
		{[]string{"source", "add", "--wallet", "99", "--kind", "sms"}, 1, "wallet 99"},
		{[]string{"source", "add", "--wallet", "1", "--kind", "fax"}, 2, "fax"},
		{[]string{"claim", "accept", "1"}, 2, "reason"},
		{[]string{"claim", "accept", "99999", "--reason", "x"}, 1, "claim 99999"},
		{[]string{"claim", "show", "99999"}, 1, "claim 99999"},
		{[]string{"claim", "list", "--state", "nowhere"}, 2, "state"},
		{[]string{"transfer", "release", "99999", "--reason", "x"}, 1, "transfer 99999"},
		{[]string{"find"}, 2, ""},
		{[]string{"find", " "}, 2, "characters"},
		{[]string{"nothing"}, 2, "unknown command"},
		{[]string{"merchant"}, 2, "command is missing"},
		{[]string{"claim", "list", "--nothing"}, 2, "nothing"},
	} {
		r := w.run(append(c.args, "--json")...)
		if c.args[0] == "nothing" || len(c.args) == 1 {
			r = w.run(c.args...)
		}
		if r.Code != c.code || !strings.Contains(r.Stderr, c.says) {
			w.t.Errorf("galla %v: exit %d, want %d with %q\n%s", c.args, r.Code, c.code, c.says, r.Stderr)
		}
		if c.code == 1 {
			var doc struct {
				Error struct{ Code, Message string }
			}
			if w.decode(r.Stdout, &doc); doc.Error.Code == "" || doc.Error.Message == "" {
				w.t.Errorf("galla %v: %s", c.args, r.Stdout)
			}
		} else if r.Stdout != "" {
			w.t.Errorf("galla %v prints on stdout: %s", c.args, r.Stdout)
		}
	}
	w.must("version", "--json")
	w.must("config", "--help")
}
