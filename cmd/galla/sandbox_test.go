package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
)

// triesShop is a sandbox merchant with wallet 1, beside a live wallet 2.
func (c *console) triesShop() *shop {
	c.t.Helper()
	c.ok(append(shopArgs[:len(shopArgs):len(shopArgs)], "--sandbox")...)
	text := c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME", "--merchant", "shop")
	if !strings.Contains(text, "kind        sandbox") || !strings.Contains(text, "galla sandbox pay --wallet 1") {
		c.t.Errorf("a wallet of a sandbox merchant is printed as\n%s", text)
	}
	c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234235", "--holder", "NAME")
	return &shop{c, c.server()}
}

func TestSandboxPay(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.triesShop()
		paid := c.json("sandbox", "pay", "--wallet", "1", "--amount", "500")
		if paid["status"] != "created" || paid["state"] != "observed" || paid["amount"] != "500.00" || paid["currency"] != "INR" ||
			len(paid["reference"].(string)) != 12 || paid["credited"] != nil || paid["transfer_id"] == json.Number("0") {
			t.Errorf("pay: %v", paid)
		}
		s.claim("o1", "p", paid["reference"].(string), "500", deposit.Accepted)

		s.claim("o2", "p", "321302038123", "12.5", deposit.Waiting)
		credited := c.json("sandbox", "pay", "--wallet", "1", "--amount", "12.5", "--reference", "321302038123", "--payer", "asha@ybl")
		if got, _ := credited["credited"].(map[string]any); got["order_id"] != "o2" || got["merchant"] != "shop" || credited["state"] != "credited" || credited["payer"] != "asha@ybl" {
			t.Errorf("pay for a claim that waits: %v", credited)
		}
		s.claim("o2", "p", "321302038123", "12.5", deposit.Accepted)

		s.claim("o3", "p", "321302038124", "7", deposit.Waiting)
		late := c.run("sandbox", "pay", "--wallet", "1", "--amount", "7", "--reference", "321302038124", "--late", "1ms")
		if late.code != exitDone || !strings.Contains(late.stderr, "7.00 INR paid with number 321302038124; it is seen in 1ms") ||
			!strings.Contains(late.stdout, "credited to order o3 of merchant shop (claim ") {
			t.Errorf("a late one: %d %s%s", late.code, late.stdout, late.stderr)
		}
		if again := c.json("sandbox", "pay", "--wallet", "1", "--amount", "7", "--reference", "321302038124"); again["status"] != "duplicate" {
			t.Errorf("the same again: %v", again)
		}
		c.fails(exitFailed, "known with another amount", "sandbox", "pay", "--wallet", "1", "--amount", "8", "--reference", "321302038124")
		c.fails(exitFailed, "wallet 2 is live", "sandbox", "pay", "--wallet", "2", "--amount", "5")
		c.fails(exitFailed, "no wallet 7", "sandbox", "pay", "--wallet", "7", "--amount", "5")
		c.fails(exitUsage, "amount", "sandbox", "pay", "--wallet", "1", "--amount", "x")
		c.fails(exitUsage, "--late", "sandbox", "pay", "--wallet", "1", "--amount", "1", "--late", "-1s")
		c.fails(exitFailed, "galla sandbox pay --wallet 1", "source", "add", "--wallet", "1", "--kind", "sms")
		if got := c.list("source", "list"); len(got) != 1 || got[0]["kind"] != string(gateway.KindSandbox) {
			t.Errorf("sources: %v", got)
		}
		c.ok("audit")
	})
}
