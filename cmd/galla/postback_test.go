package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/galla-gateway/galla/internal/deposit"
)

// told is a shop with a postback of each state: 1 delivered, 2 exhausted, 3 pending after a failure, 4 pending and due.
// The ids are by the last digit
// of their payments.
func (c *console) told() (s *shop, ids map[string]string) {
	c.t.Helper()
	s, ids = c.shop(), map[string]string{}
	for i := 1; i <= 4; i++ {
		reference := fmt.Sprintf("32130203812%d", i)
		s.see(reference, "500", "payer@ybl")
		s.claim(fmt.Sprintf("order-%d", i), fmt.Sprintf("label-%d", i), reference, "500", deposit.Accepted)
		s.clock.Advance(time.Hour)
	}
	for _, p := range c.list("postback", "list") {
		ids[p["reference"].(string)[11:]] = p["id"].(json.Number).String()
	}
	c.mutate("UPDATE postback SET state = 'delivered', attempts = 1, ended_at = 5 WHERE id = " + ids["1"])
	c.mutate("UPDATE postback SET state = 'exhausted', attempts = 13, ended_at = 5 WHERE id = " + ids["2"])
	c.mutate("UPDATE postback SET attempts = 2 WHERE id = " + ids["3"])
	for i, id := range []string{ids["1"], ids["2"], ids["3"]} {
		c.mutate(fmt.Sprintf("INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer, next_at) "+
			"VALUES (%s, %d, 1, 1795000000000000, 1500000, '203.0.113.9:443', 'TLS 1.3', %d, '', '', %s, 1795000005000000)", id, []int{1, 13, 2}[i], []int{200, 0, 503}[i], c.bytes("oops")))
	}
	return s, ids
}

// references are the last digits of the payments of a list, in its order.
func references(list []map[string]any) (digits string) {
	for _, p := range list {
		digits += p["reference"].(string)[11:]
	}
	return digits
}

func TestPostbackList(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s, ids := c.told()
		list := c.list("postback", "list")
		if references(list) != "4321" {
			t.Errorf("newest first: %v", list)
		}
		want := map[string]string{"4": "pending 0 0", "3": "pending 2 503", "2": "exhausted 13 0", "1": "delivered 1 200"}
		for _, p := range list {
			digit := p["reference"].(string)[11:]
			got := fmt.Sprintf("%v %v %v", p["state"], p["attempts"], p["last_status"])
			if got != want[digit] || p["merchant"] != "shop" || p["kind"] != "deposit" || !strings.HasPrefix(p["webhook_id"].(string), "msg_") || p["created_at"] == "" {
				t.Errorf("payment %s: %v, want %s", digit, p, want[digit])
			}
			if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(p["next_at"])); (err == nil) != (p["state"] == "pending") || err != nil && p["next_at"] != nil {
				t.Errorf("payment %s: next_at %v", digit, p["next_at"])
			}
		}
		const members = `[{"id":%s,"webhook_id":"`
		if text := c.ok("postback", "list", "--json"); !strings.HasPrefix(text, fmt.Sprintf(members, ids["4"])) || !strings.Contains(text,
			`"merchant":"shop","reference":"321302038121","state":"delivered","attempts":1,"next_at":null,"last_status":200,`) {
			t.Errorf("members: %s", text)
		}
		since := s.clock.Now().Add(-150 * time.Minute).Format(time.RFC3339)
		for _, story := range []struct{ args, want string }{
			{"--state pending", "43"}, {"--state delivered", "1"}, {"--state exhausted", "2"}, {"--state paused", ""},
			{"--failed", "32"}, {"--failed --state pending", "3"}, {"--merchant shop", "4321"}, {"--since 90m", "4"}, {"--since " + since, "43"},
			{"--since 150m --failed", "3"}, {"--limit 2", "43"}, {"--limit 2 --after " + ids["3"], "21"},
		} {
			if got := references(c.list(append([]string{"postback", "list"}, strings.Fields(story.args)...)...)); got != story.want {
				t.Errorf("list %s: %q, want %q", story.args, got, story.want)
			}
		}
		c.ok("merchant", "add", "--slug", "quiet", "--name", "Quiet", "--postback-url", "http://127.0.0.1:1/")
		if got := c.list("postback", "list", "--merchant", "quiet"); len(got) != 0 {
			t.Errorf("of a merchant without any: %v", got)
		}
		c.ok("postback", "pause", "--merchant", "shop", "--kind", "deposit", "--reason", "moves")
		for _, p := range c.list("postback", "list", "--state", "paused") {
			if p["state"] != "paused" || p["next_at"] != nil {
				t.Errorf("paused: %v", p)
			}
		}
		if pending, paused := references(c.list("postback", "list", "--state", "pending")), references(c.list("postback", "list", "--state", "paused")); pending != "" || paused != "43" {
			t.Errorf("pending %q, paused %q", pending, paused)
		}
		if text := c.ok("postback", "list"); !strings.Contains(text, "321302038121") || !strings.Contains(text, "paused") {
			t.Errorf("text: %s", text)
		}
		c.fails(exitFailed, "no merchant nobody", "postback", "list", "--merchant", "nobody")
		c.fails(exitUsage, "--state: expected one of", "postback", "list", "--state", "open")
		c.fails(exitUsage, "--since: expected a time", "postback", "list", "--since", "yesterday")
		c.fails(exitUsage, "--since: expected a time", "postback", "list", "--since", "-1h")
		c.fails(exitUsage, "hasn't failed", "postback", "list", "--failed", "--state", "delivered")
		c.fails(exitUsage, "--limit", "postback", "list", "--limit", "1001")
	})
}

// hostile is what a stranger's server may answer: colours, a new title, a cleared screen, C1 controls, text turned round,
// a second line that looks like ours, bytes that are no text.
const hostile = "\x1b[31mred\x1b]0;owned\a\x1b[2J\r\n  2  delivered \u009b5m \u202eesrever \x7f \xff\x80 <b>₹ok</b>"

func TestPostbackShowIsSafeOnATerminal(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		_, ids := c.told()
		id := ids["3"]
		c.mutate(fmt.Sprintf("DELETE FROM postback_attempt WHERE postback_id = %s", id))
		text := strings.ToValidUTF8(hostile, "?")
		c.mutate(fmt.Sprintf("INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer, next_at) "+
			"VALUES (%[1]s, 1, 1, 1795000000000000, 1500000, '203.0.113.9:443', 'TLS 1.3', 0, 'tls', '%[2]s', %[4]s, 1795000005000000), "+
			"(%[1]s, 2, 1, 1795000006000000, 20000, '203.0.113.9:443', 'TLS 1.3', 503, '', '', %[3]s, NULL)", id, text, c.bytes(hostile), c.bytes("")))
		c.mutate(fmt.Sprintf("INSERT INTO endpoint (merchant_id, kind, state, reason, failures, changed_at, probe_at) VALUES (1, 'deposit', 'open', '%s', 2, 1795000006000000, 1795000036000000)", text))

		claim := c.list("claim", "list")[1]["id"].(json.Number).String()
		for _, args := range [][]string{{"postback", "show", id}, {"postback", "endpoint", "list"}, {"claim", "show", claim}} {
			for _, args := range [][]string{args, append(args, "--json")} {
				shown := c.ok(args...)
				for _, r := range strings.ReplaceAll(shown, "\n", "") {
					if !unicode.IsPrint(r) || r == unicode.ReplacementChar && args[len(args)-1] != "--json" {
						t.Errorf("%v prints %q:\n%q", args, r, shown)
						break
					}
				}
				if !strings.Contains(shown, "owned") || strings.Contains(shown, "\n  2  delivered") {
					t.Errorf("%v must show what was said, in its place: %s", args, shown)
				}
			}
		}

		doc := c.json("postback", "show", id)
		tries := doc["tries"].([]any)
		first, second := tries[0].(map[string]any), tries[1].(map[string]any)
		if first["error"] != text || first["failure"] != "tls" || first["address"] != "203.0.113.9:443" || first["tls"] != "TLS 1.3" ||
			first["milliseconds"] != json.Number("1500") || first["next_at"] != moment(1795000005000000) {
			t.Errorf("first attempt: %v", first)
		}
		if second["status"] != json.Number("503") || !strings.Contains(second["answer"].(string), "\x1b[31mred") || second["next_at"] != nil {
			t.Errorf("second attempt: %v", second)
		}
		if e := doc["endpoint"].(map[string]any); e["state"] != "open" || e["url"] == "" || e["next_probe"] == "" || e["failures"] != json.Number("2") {
			t.Errorf("endpoint: %v", e)
		}
		if doc["state"] != "pending" || !strings.Contains(doc["body"].(string), `"transaction_id":"321302038123"`) || doc["schedule"].(map[string]any)["tries"] != json.Number("2") {
			t.Errorf("postback: %v", doc)
		}
		body := c.json("claim", "show", claim)["postback"].(map[string]any)["body"].(string)
		if shown := c.ok("postback", "show", id); !strings.Contains(shown, "\n"+body+"\n") || !strings.Contains(shown, "HTTP 503") {
			t.Errorf("the body isn't shown as it is: %s", shown)
		}
		// As releases stored it that didn't pack bodies, and damaged.
		c.mutate("UPDATE postback SET packed = NULL, body = '" + body + "' WHERE id = " + id)
		if again := c.json("postback", "show", id)["body"]; again != body {
			t.Errorf("a plain body is shown as %s", again)
		}
		c.mutate("UPDATE postback SET packed = " + c.bytes("\x01 no body") + ", body = '' WHERE id = " + id)
		for _, args := range [][]string{{"postback", "show", id}, {"claim", "show", claim}} {
			if shown := c.ok(args...); !strings.Contains(shown, "\npostback "+id+": its stored body is damaged") || !strings.Contains(shown, "HTTP 503") {
				t.Errorf("%v: %s", args, shown)
			}
		}
		if doc := c.json("postback", "show", id); doc["body"] != "" || !strings.Contains(doc["damaged"].(string), "its stored body is damaged") {
			t.Errorf("damaged: %v", doc)
		}
		if again := c.json("postback", "show", doc["webhook_id"].(string)); again["id"] != doc["id"] {
			t.Errorf("by its webhook id: %v", again)
		}
		c.fails(exitFailed, "no postback 99", "postback", "show", "99")
		c.fails(exitFailed, "no postback msg_x", "postback", "show", "msg_x")
		c.fails(exitUsage, "expected the number of a postback", "postback", "show", "x")
	})
}

// bytes is a literal of the console's engine.
func (c *console) bytes(text string) string {
	if strings.HasPrefix(c.database(), "sqlite:") {
		return fmt.Sprintf("x'%x'", text)
	}
	return fmt.Sprintf("'\\x%x'", text)
}

// states are the states of all postbacks, by the last digit of their payment.
func (c *console) states() string {
	c.t.Helper()
	found := map[string]string{}
	for _, p := range c.list("postback", "list") {
		found[p["reference"].(string)[11:]] = fmt.Sprintf("%v/%v", p["state"], p["attempts"])
	}
	return strings.Join([]string{found["1"], found["2"], found["3"], found["4"]}, " ")
}

func TestPostbackReplay(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		_, ids := c.told()
		const before = "delivered/1 exhausted/13 pending/2 pending/0"
		if got := c.json("postback", "replay", "--since", "24h", "--dry-run"); fmt.Sprint(got) != "map[dry_run:true matched:4 replayed:0]" || c.states() != before {
			t.Errorf("dry run: %v, %s", got, c.states())
		}
		if got := c.json("postback", "replay", "--since", "24h", "--failed", "--dry-run"); got["matched"] != json.Number("2") {
			t.Errorf("dry run of the failed: %v", got)
		}
		if got := c.json("postback", "replay", ids["1"], "--dry-run"); got["matched"] != json.Number("1") || c.states() != before {
			t.Errorf("dry run of one: %v, %s", got, c.states())
		}
		got := c.run("postback", "replay", "--merchant", "shop", "--failed", "--reason", "their fix is live", "--json")
		if got.code != 0 || got.stdout != `{"matched":2,"replayed":2,"dry_run":false}`+"\n" || c.states() != "delivered/1 pending/13 pending/2 pending/0" {
			t.Errorf("failed ones: %+v, %s", got, c.states())
		}
		if !strings.Contains(got.stderr, "msg=postback.replayed actor=tester reason=\"their fix is live\" matched=2 replayed=2") {
			t.Errorf("who replayed and why isn't logged: %s", got.stderr)
		}
		if got := c.json("postback", "replay", "--merchant", "shop", "--failed"); got["matched"] != json.Number("0") {
			t.Errorf("again: %v", got)
		}
		webhookID := c.json("postback", "show", ids["1"])["webhook_id"].(string)
		if text := c.ok("postback", "replay", ids["4"], webhookID, ids["1"]); !strings.Contains(text, "2 postbacks matched, 2 are due now") {
			t.Errorf("by id: %s", text)
		}
		if c.states() != "pending/1 pending/13 pending/2 pending/0" {
			t.Errorf("after all: %s", c.states())
		}
		for _, p := range c.list("postback", "list") {
			if p["next_at"] != c.clock.Now().Format(time.RFC3339Nano) {
				t.Errorf("not due now: %v", p)
			}
		}
		for _, story := range []struct{ args, want string }{
			{"--since 90m", "1"}, {"--since 24h --until 150m", "2"}, {"--until 150m --merchant shop", "2"}, {"--since 1m", "0"},
			{"--merchant shop --after " + ids["2"], "2"},
		} {
			if got := c.json(append([]string{"postback", "replay"}, strings.Fields(story.args)...)...); got["matched"] != json.Number(story.want) {
				t.Errorf("replay %s: %v, want %s", story.args, got, story.want)
			}
		}
		c.fails(exitFailed, "no postback 99", "postback", "replay", ids["1"], "99")
		c.fails(exitFailed, "no merchant nobody", "postback", "replay", "--merchant", "nobody")
		for what, args := range map[string]string{
			"expected ids, or --since, or --merchant": "", "--failed is for many": ids["1"] + " --failed", "--since is for many": ids["1"] + " --since 1h",
			"--until: expected a time": "--since 1h --until later", "--after: expected an id": "--since 1h --after -1", "expected ids": "--failed",
		} {
			c.fails(exitUsage, what, append([]string{"postback", "replay"}, strings.Fields(args)...)...)
		}
	})
}

// A replay tries a failed endpoint again at once, and says of a paused one how to resume it.
func TestPostbackReplayAndEndpoints(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		_, ids := c.told()
		c.mutate("INSERT INTO endpoint (merchant_id, kind, state, reason, failures, changed_at, probe_at) VALUES (1, 'deposit', 'open', 'HTTP 500', 3, 1795000006000000, 1795000036000000)")
		state := func() any { return c.list("postback", "endpoint", "list")[0]["state"] }
		if text := c.ok("postback", "replay", ids["2"], "--dry-run"); !strings.Contains(text, "1 postbacks match. Nothing was changed.") || state() != "open" {
			t.Errorf("dry run: %s, %v", text, state())
		}
		if text := c.ok("postback", "replay", ids["2"]); !strings.Contains(text, "shop deposit failed since 2026-") || state() != "closed" {
			t.Errorf("open: %s, %v", text, state())
		}
		c.ok("postback", "pause", "--merchant", "shop", "--reason", "moves house")
		const hint = "shop deposit is paused (moves house), nothing is sent there until: galla postback resume --merchant shop --kind deposit"
		if text := c.ok("postback", "replay", ids["2"]); !strings.Contains(text, hint) || state() != "paused" {
			t.Errorf("paused: %s, %v", text, state())
		}
		if got := c.run("postback", "replay", ids["2"], "--json"); got.stdout != `{"matched":1,"replayed":1,"dry_run":false}`+"\n" || !strings.Contains(got.stderr, hint) {
			t.Errorf("paused, as JSON: %+v", got)
		}
	})
}

// More than one transaction takes.
func TestPostbackReplayOfMany(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		const many = 1203
		rows := make([]string, many)
		for i := range rows {
			rows[i] = fmt.Sprintf("(%d, 1, 'deposit', %d, 'msg_%d', '{}', 'exhausted', 13, 1, %d, %d, 1)", i+1, i+1, i+1, c.clock.Now().UnixMicro(), c.clock.Now().UnixMicro())
		}
		c.mutate("INSERT INTO postback (id, merchant_id, kind, subject_id, webhook_id, body, state, attempts, next_at, schedule_at, created_at, ended_at) VALUES " + strings.Join(rows, ", "))
		if got := c.json("postback", "replay", "--since", "1h", "--failed"); got["matched"] != json.Number("1203") || got["replayed"] != json.Number("1203") {
			t.Errorf("replayed: %v", got)
		}
		if got := c.list("postback", "endpoint", "list")[0]; got["pending"] != json.Number("1203") {
			t.Errorf("pending: %v", got)
		}
	})
}

// caFile is a file with a certificate, and its fingerprint.
func caFile(t *testing.T) (path, fingerprint string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	raw := server.Certificate().Raw
	path = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, fmt.Sprintf("%x", sha256.Sum256(raw))
}

func TestPostbackEndpoints(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.told()
		if got := c.list("postback", "endpoint", "list"); len(got) != 1 || got[0]["state"] != "closed" || got[0]["pending"] != json.Number("2") || got[0]["oldest_pending"] == "" ||
			got[0]["url"] == "" || fmt.Sprint(got[0]["ca_sha256"]) != "[]" || got[0]["since"] != "" {
			t.Errorf("list: %v", got)
		}
		paused := c.run("postback", "pause", "--merchant", "shop", "--reason", " moves house ", "--json")
		var docs []map[string]any
		one(t, paused.stdout, &docs)
		if len(docs) != 2 || docs[0]["state"] != "paused" || docs[1]["kind"] != "withdrawal" || docs[1]["reason"] != "moves house" || docs[0]["since"] == "" {
			t.Errorf("pause: %v", docs)
		}
		if !strings.Contains(paused.stderr, `msg=endpoint.paused actor=tester merchant=shop kinds="[deposit withdrawal]" reason="moves house"`) {
			t.Errorf("who paused and why isn't logged: %s", paused.stderr)
		}
		if got := c.list("postback", "resume", "--merchant", "shop", "--kind", "deposit"); len(got) != 1 || got[0]["state"] != "closed" || got[0]["reason"] != "" {
			t.Errorf("resume: %v", got)
		}
		if got := c.list("postback", "endpoint", "list"); got[0]["state"] != "closed" || got[1]["state"] != "paused" {
			t.Errorf("list: %v", got)
		}
		c.ok("merchant", "set", "shop", "postback_url=http://127.0.0.1:2/")
		if got := c.list("postback", "endpoint", "list"); got[1]["state"] != "closed" || got[1]["url"] != "http://127.0.0.1:2/" {
			t.Errorf("another address: %v", got)
		}

		file, fingerprint := caFile(t)
		empty := filepath.Join(t.TempDir(), "empty.pem")
		if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		pin := strings.Repeat("A", 43) + "="
		got := c.list("postback", "endpoint", "set", "--merchant", "shop", "--kind", "deposit", "--concurrency", "4", "--rate", "20", "--ca-file", file, "--pin", pin)
		if len(got) != 1 || got[0]["concurrency"] != json.Number("4") || got[0]["rate"] != json.Number("20") || got[0]["pin"] != pin ||
			fmt.Sprint(got[0]["ca_sha256"]) != "["+fingerprint+"]" {
			t.Errorf("set: %v", got)
		}
		if text := c.ok("postback", "endpoint", "list"); !strings.Contains(text, "yes "+fingerprint[:16]) || !strings.Contains(text, "default") {
			t.Errorf("list: %s", text)
		}
		got = c.list("postback", "endpoint", "set", "--merchant", "shop", "--concurrency", "0", "--ca-file", "", "--pin", "")
		if len(got) != 2 || got[0]["concurrency"] != json.Number("0") || got[0]["rate"] != json.Number("20") || got[0]["pin"] != "" || fmt.Sprint(got[0]["ca_sha256"]) != "[]" {
			t.Errorf("back to defaults: %v", got)
		}
		c.fails(exitFailed, "no merchant \"nobody\"", "postback", "pause", "--merchant", "nobody", "--reason", "x")
		for what, args := range map[string]string{
			"name at least one of": "endpoint set --merchant shop", "expected 0 to 1000": "endpoint set --merchant shop --concurrency 1001",
			"--ca-file": "endpoint set --merchant shop --ca-file /nowhere/x", "the pin is not": "endpoint set --merchant shop --pin x",
			"--kind: expected one of deposit, withdrawal": "pause --merchant shop --reason x --kind both", `"reason" not set`: "pause --merchant shop",
			"--reason: say why": "pause --merchant shop --reason=", `"merchant" not set`: "resume",
			"holds no certificate": "endpoint set --merchant shop --ca-file " + empty,
		} {
			c.fails(exitUsage, what, append([]string{"postback"}, strings.Fields(args)...)...)
		}
	})
}

func TestEscapedJSONReadsAsTheSame(t *testing.T) {
	for _, text := range []string{"plain ₹ é 😀", hostile, "\U000e0001 a tag", "\u200d\u2028\u2029\ufeff", "tab\tand\nline", ""} {
		text = strings.ToValidUTF8(text, "?")
		var line bytes.Buffer
		a := &app{stdout: &line}
		if err := a.encode(map[string]string{"text": text}); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.TrimSuffix(line.String(), "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%q prints %q", text, r)
			}
		}
		var read map[string]string
		one(t, line.String(), &read)
		if read["text"] != text {
			t.Errorf("%q reads as %q", text, read["text"])
		}
	}
}

func TestDoctorTellsOfPostbacks(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s, ids := c.told()
		wants := func(check, state, what string) {
			t.Helper()
			for _, line := range c.json("doctor")["checks"].([]any) {
				line := line.(map[string]any)
				if line["check"] == check {
					if line["state"] != state || !strings.Contains(line["text"].(string), what) {
						t.Errorf("%v, want %s with %q", line, state, what)
					}
					return
				}
			}
			t.Errorf("doctor says nothing of %s", check)
		}
		wants("exhausted", "warn", "1 postbacks were given up")
		wants("postbacks", "warn", "2 undelivered")
		wants("lag", "warn", "due for 2h0m0s and nobody sends it: does galla serve run?")
		wants("endpoints", "ok", "")
		wants("paused", "ok", "")
		c.mutate(fmt.Sprintf("UPDATE postback SET next_at = %d WHERE state = 'pending'", s.clock.Now().Add(-time.Minute).UnixMicro()))
		wants("lag", "ok", "")
		c.ok("postback", "pause", "--merchant", "shop", "--reason", "moves house")
		s.clock.Advance(time.Hour)
		wants("lag", "ok", "")
		wants("paused", "warn", "(moves house): galla postback resume --merchant shop --kind deposit; shop withdrawal since 2026-")
		c.mutate("UPDATE endpoint SET state = 'open', reason = 'HTTP 500 \x1b[2J'")
		wants("paused", "ok", "")
		wants("endpoints", "warn", "2 fail and are only probed: shop deposit since 2026-")
		wants("endpoints", "warn", `("HTTP 500 \x1b[2J")`)
		c.mutate("UPDATE postback SET state = 'delivered', ended_at = 1 WHERE id = " + ids["2"])
		wants("exhausted", "ok", "")
	})
}
