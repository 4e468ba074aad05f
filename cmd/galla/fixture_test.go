package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"log/slog"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// server is a gateway on the console's installation, as a server would have it open.
func (c *console) server() *gateway.Gateway {
	c.t.Helper()
	keys, err := keyring.Load(c.keyFile)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := store.Open(context.Background(), c.database(), store.Existing, store.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	g, err := gateway.Open(context.Background(), s, keys, gateway.Options{Now: c.clock.Now})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		g.Close()
		if err := s.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return g
}

func (c *console) database() string {
	return strings.TrimPrefix(c.environ[0], "GALLA_DATABASE=")
}

// mutate changes the database behind galla's back.
func (c *console) mutate(query string) {
	c.t.Helper()
	driver, source := "pgx", c.database()
	if path, ok := strings.CutPrefix(source, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		c.t.Fatal(query, err)
	}
}

func rupees(text string) money.Money {
	m, err := money.Parse(text, money.INR)
	if err != nil {
		panic(err)
	}
	return m
}

// shop is a merchant with a wallet and a source, and a server that takes claims and evidence.
type shop struct {
	*console
	g *gateway.Gateway
}

func (c *console) shop() *shop {
	c.t.Helper()
	c.ok(shopArgs...)
	c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME", "--merchant", "shop")
	c.ok("source", "add", "--wallet", "1", "--kind", "sms")
	return &shop{c, c.server()}
}

func (s *shop) see(number, amount, payer string) {
	s.t.Helper()
	s.observe(gateway.EvidenceItem{
		Outcome: evidence.Credit, Rail: method.RailIndia, Number: number, Amount: rupees(amount), OccurredAt: s.clock.Now(), Sender: "VM-HDFCBK",
		Precision: evidence.PrecisionExact, Payer: payer, Strength: evidence.StrengthAny, Raw: []byte(`{"text":"` + number + " " + amount + `"}`),
	})
}

func (s *shop) observe(item gateway.EvidenceItem) {
	s.t.Helper()
	item.SourceID, item.AccountID, item.ReceivedAt = 1, 1, s.clock.Now()
	item.Fingerprint = sha256.Sum256(item.Raw)
	if _, err := s.g.Observe(context.Background(), []gateway.EvidenceItem{item}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) claim(order, payer, number, amount string, want deposit.State) {
	s.t.Helper()
	phonePe, _ := method.Lookup("phone_pe")
	got, err := s.g.Activate(context.Background(), []gateway.ClaimRequest{
		{MerchantID: 1, OrderID: order, Payer: payer, Method: phonePe, Key1: number, Amount: rupees(amount)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if got[0].State != want {
		s.t.Fatalf("claim %s is %s (%s), want %s", order, got[0].State, got[0].Reason, want)
	}
}

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)
