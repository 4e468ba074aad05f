package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/galla-gateway/galla/internal/config"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// Limits beyond which doctor warns, or fails.
const (
	clockTolerance = time.Minute // how far stored times may be ahead of this clock
	diskWarn       = 1 << 30     // bytes free
	diskFail       = 100 << 20
)

// lineState is how one line of doctor ends.
type lineState string

const (
	lineOK   lineState = "ok"
	lineWarn lineState = "warn"
	lineFail lineState = "fail"
)

// doctorDoc is what doctor prints.
type doctorDoc struct {
	OK     bool         `json:"ok"` // nothing failed
	Checks []doctorLine `json:"checks"`
}

type doctorLine struct {
	Check string    `json:"check"`
	State lineState `json:"state"`
	Text  string    `json:"text"`
}

// doctor is one examination.
type doctor struct {
	app *app
	ctx context.Context
	cfg config.Config
	q   *store.Queries
	doc doctorDoc
}

func newDoctor(a *app) *cobra.Command {
	c := a.verb("doctor", "Examine the installation; exit 1 when something fails", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		cfg, err := a.settings(c)
		if err != nil {
			return err
		}
		d := &doctor{app: a, ctx: c.Context(), cfg: cfg, doc: doctorDoc{OK: true}}
		if err := d.examine(); err != nil {
			return err
		}
		if err := a.print(d.doc, func(w io.Writer) { writeDoctor(w, d.doc) }); err != nil {
			return err
		}
		if !d.doc.OK {
			return errors.New("something failed")
		}
		return nil
	})
	return inGroup(groupHouse, c)
}

func writeDoctor(w io.Writer, doc doctorDoc) {
	for _, line := range doc.Checks {
		fmt.Fprintf(w, "%-5s %-12s %s\n", line.State, line.Check, line.Text)
	}
}

func (d *doctor) say(state lineState, check, format string, args ...any) {
	d.doc.OK = d.doc.OK && state != lineFail
	d.doc.Checks = append(d.doc.Checks, doctorLine{check, state, fmt.Sprintf(format, args...)})
}

// okUnless is ok when nothing was found.
func (d *doctor) okUnless(found bool, state lineState, check, fine, format string, args ...any) {
	if found {
		d.say(state, check, format, args...)
	} else {
		d.say(lineOK, check, "%s", fine)
	}
}

// examine goes through the checks. An error means that the examination itself couldn't go on.
func (d *doctor) examine() error {
	d.settings()
	s, err := store.Open(d.ctx, d.cfg.Database.Reveal(), store.Existing, store.Options{MaxConns: adminConns})
	if err != nil {
		d.say(lineFail, "database", "%s: %v", d.cfg.Database, withHint(err))
		return nil
	}
	defer s.Close()
	d.q = s.Read()
	d.say(lineOK, "database", "%s answers", d.cfg.Database)
	d.say(lineOK, "schema", "is the one of this galla")
	d.key(s)
	for _, check := range []func() error{d.installation, d.wiring, d.rates, d.payments, d.postbacks, d.endpoints, d.payers, d.withdrawals, d.contradictions, d.clock} {
		if err := check(); err != nil {
			return err
		}
	}
	d.disk()
	return nil
}

func (d *doctor) settings() {
	host, _, _ := strings.Cut(d.cfg.BaseHost(), ":")
	local := host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "127.")
	d.okUnless(strings.HasPrefix(d.cfg.BaseURL, "http://") && !local, lineWarn, "settings", "base URL is "+d.cfg.BaseURL,
		"base URL %s is not https: secrets would travel in the clear", d.cfg.BaseURL)
}

// key checks that the key file belongs to the database and that every sealed secret opens.
func (d *doctor) key(s *store.Store) {
	keys, err := loadKeys(d.ctx, d.cfg, false)
	if err != nil {
		d.say(lineFail, "key", "%v", err)
		return
	}
	ad, err := d.app.openGateway(d.ctx, s, keys, d.cfg)
	if err != nil {
		d.say(lineFail, "key", "%v", err)
		return
	}
	ad.Gateway.Close()
	row, err := d.q.GetInstallation(d.ctx)
	unfinished := err == nil && row.KeyCheck.String != keys.CheckValue()
	d.okUnless(unfinished, lineWarn, "key", "key "+keys.ID()+" opens every secret", "a rotation was interrupted: run galla key rotate again")
}

func (d *doctor) installation() error {
	row, err := d.q.GetInstallation(d.ctx)
	if err = ignoreNoRows(err); err != nil {
		return err
	}
	d.okUnless(row.RecoveryAt.Valid, lineWarn, "recovery", "not in recovery",
		"in recovery since %s: nothing is credited by itself until galla recovery end", minute(row.RecoveryAt.Int64))
	d.okUnless(row.StoppedAt.Valid, lineFail, "money", "moves by itself",
		"is stopped since %s, as the books don't hold: galla audit shows what, galla audit --resume lets it move again. It was stopped for %s",
		minute(row.StoppedAt.Int64), strings.ReplaceAll(row.StoppedWhy, "\n", "; "))
	if row.Simulated == 1 {
		d.say(lineWarn, "simulated", "this database holds invented data of galla demo; serve refuses it")
	}
	return nil
}

// wiring looks for merchants without wallets and wallets that nobody watches.
func (d *doctor) wiring() error {
	merchants, err := d.q.ListMerchants(d.ctx)
	if err != nil {
		return err
	}
	wallets, err := walletDocs(d.ctx, d.q)
	if err != nil {
		return err
	}
	sources, err := d.q.ListSources(d.ctx)
	if err != nil {
		return err
	}
	watched := map[int64]bool{}
	for _, s := range sources {
		sends := s.State == gateway.SourceActive && s.TokenHash != nil // a source without token is imports
		watched[s.AccountID] = watched[s.AccountID] || sends
	}
	var unserved, blind []string
	for _, m := range merchants {
		if m.State == string(merchant.Active) && !anyServes(wallets, m) {
			unserved = append(unserved, m.Slug)
		}
	}
	for _, w := range wallets {
		if w.State != string(wallet.Retired) && !w.Sandbox && !watched[w.AccountID] {
			blind = append(blind, number(w.ID))
		}
	}
	d.okUnless(len(merchants) == 0, lineWarn, "merchants", fmt.Sprintf("%d configured", len(merchants)), "no merchant: galla merchant add")
	d.okUnless(len(unserved) > 0, lineWarn, "wallets", fmt.Sprintf("%d configured; every active merchant has one", len(wallets)),
		"no active wallet for %s: galla wallet add", strings.Join(unserved, ", "))
	d.okUnless(len(blind) > 0, lineWarn, "sources", "every wallet's account has an active source",
		"no active source for wallet %s, so its money is seen by imports only: galla source add", strings.Join(blind, ", "))
	return nil
}

func anyServes(wallets []walletDoc, m store.Merchant) bool {
	for _, w := range wallets {
		if w.State != string(wallet.Active) || w.Sandbox != (m.Sandbox == 1) {
			continue
		}
		if len(w.Merchants) == 0 {
			return true
		}
		for _, slug := range w.Merchants {
			if slug == m.Slug {
				return true
			}
		}
	}
	return false
}

// rates: clients that know converted_amount credit nothing when it is missing.
func (d *doctor) rates() error {
	wallets, err := d.q.ListWallets(d.ctx)
	if err != nil {
		return err
	}
	rates, err := d.q.ListRates(d.ctx)
	if err != nil {
		return err
	}
	have := map[string]bool{string(money.INR): true}
	for _, r := range rates {
		have[r.Base] = true
	}
	var missing []string
	for _, w := range wallets {
		if !have[w.Currency] && w.State != string(wallet.Retired) {
			have[w.Currency] = true
			missing = append(missing, w.Currency)
		}
	}
	d.okUnless(len(missing) > 0, lineWarn, "rates", "no currency lacks one",
		"none for %s: their postbacks carry no converted_amount, and some receivers then credit nothing", strings.Join(missing, ", "))
	return nil
}

// payments counts what waits for a person.
func (d *doctor) payments() error {
	held, err := d.q.CountClaimsInState(d.ctx, string(deposit.Held))
	if err != nil {
		return err
	}
	d.okUnless(held.Claims > 0, lineWarn, "held", "no claim is held", "%d claims are held, the oldest since %s: galla claim list --state held",
		held.Claims, minute(held.Oldest))
	for _, state := range []deposit.TransferState{deposit.Quarantined, deposit.Disputed} {
		count, err := d.q.CountTransfersInState(d.ctx, string(state))
		if err != nil {
			return err
		}
		d.okUnless(count > 0, lineWarn, string(state), "no transfer is "+string(state), "%d transfers are %s: galla transfer list --state %s", count, state, state)
	}
	unparsed, err := d.q.CountUnparsedEvidence(d.ctx)
	d.okUnless(unparsed > 0, lineWarn, "unparsed", "every message was read", "%d messages could not be read: galla evidence list --outcome unparsed", unparsed)
	return err
}

// clock compares with the latest time that was stored: a clock that went back would judge payments wrongly.
func (d *doctor) clock() error {
	latest, err := d.q.GetLatestMoment(d.ctx)
	if err = ignoreNoRows(err); err != nil {
		return err
	}
	now := d.app.now()
	ahead := time.UnixMicro(latest).Sub(now)
	d.okUnless(ahead > clockTolerance, lineFail, "clock", "it is "+now.UTC().Format(time.RFC3339),
		"it is %s here, but decisions were stored %v later: set the clock (NTP)", now.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	return nil
}

// disk looks at the folder of a SQLite database.
func (d *doctor) disk() {
	engine, path, err := store.Parse(d.cfg.Database.Reveal())
	if err != nil || engine != store.SQLite {
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		d.say(lineWarn, "disk", "free space is unknown: %v", err)
		return
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	state := lineOK
	switch {
	case free < diskFail:
		state = lineFail
	case free < diskWarn:
		state = lineWarn
	}
	d.say(state, "disk", "%d MiB are free beside the database", free>>20)
}
