package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// Purposes of keyed hashes and kinds of merchant keys, as stored.
const (
	keyAPISecret  = "api_secret"
	keyPostback   = "postback"
	keyWebhook    = "webhook"
	keyWithdrawal = "withdrawal"
	keyRedirect   = "redirect"

	hashAPISecret   = "api_secret"
	hashSourceToken = "source_token"
)

// Directory is what the business has configured, as of one revision: an immutable snapshot that requests read without
// the database. Every server reloads it within a second of a change.
type Directory struct {
	Revision   int64
	Recovery   bool
	Stopped    bool // the oracle found the books wrong: nothing is credited or paid by itself
	Simulated  bool
	Senders    *evidence.Reader
	merchants  map[merchant.ID]*Merchant
	bySlug     map[string]*Merchant
	byDomain   map[string]*Merchant
	apiSecrets map[[32]byte]apiSecret
	accounts   map[wallet.AccountID]*account
	wallets    map[wallet.ID]*wallet.Wallet
	walletList []*wallet.Wallet
	sources    map[int64]*Source
	tokens     map[[32]byte]*Source
	ledger     map[ledger.AccountKey]int64
	rates      map[[2]money.Currency]money.Rate
	own        map[ownWallet]bool // our wallets: money from them is internal
	endpoints  map[Endpoint]EndpointSettings
	rails      map[string]Rail
	branches   Branches
	hash       func(purpose, secret string) [][32]byte
}

// Merchant is a merchant with what signs for it. The keys never leave the process but in signatures.
type Merchant struct {
	merchant.Merchant
	AccessKey   string
	postbackKey keyring.Secret
	webhooks    []datedSecret // newest first, as the next
	linkKeys    []datedSecret
	withdrawals []datedSecret
	redirects   map[int]string
	brand       merchant.Brand
	origins     []string
}

type datedSecret struct {
	secret    keyring.Secret
	expiresAt time.Time // zero: never
}

type apiSecret struct {
	merchantID merchant.ID
	expiresAt  time.Time
}

// Source is where evidence comes from.
type Source struct {
	ID        int64
	WalletID  wallet.ID
	AccountID wallet.AccountID
	Kind      evidence.SourceKind
	State     string // active, paused, retired
	Token     keyring.Secret
}

// account is a receiving account with what the rules ask of it.
type account struct {
	wallet.Account
	wallets []*wallet.Wallet
	shared  bool // serves several merchants
}

// servedBy reports whether the account has a wallet, of whatever method and state, that serves the merchant.
func (d *Directory) servedBy(id merchant.ID, on deposit.AccountID) bool {
	m, known := d.Merchant(id)
	a := d.accounts[wallet.AccountID(on)]
	return known && a != nil && slices.ContainsFunc(a.wallets, func(w *wallet.Wallet) bool { return w.Serves(m.Merchant) })
}

// ownWallet is the identifier of a wallet of ours. Sandbox wallets have invented ones.
type ownWallet struct {
	sandbox    bool
	identifier string
}

// MerchantBySlug finds a merchant by its slug.
func (d *Directory) MerchantBySlug(slug string) (*Merchant, bool) {
	m, ok := d.bySlug[slug]
	return m, ok
}

// MerchantByDomain finds a merchant by a host name that it brought.
func (d *Directory) MerchantByDomain(host string) (*Merchant, bool) {
	m, ok := d.byDomain[host]
	return m, ok
}

// Merchant finds a merchant by id.
func (d *Directory) Merchant(id merchant.ID) (*Merchant, bool) {
	m, ok := d.merchants[id]
	return m, ok
}

// MerchantBySecret finds the merchant of a live API secret. The look-up is by keyed hash, so its time tells nothing.
func (d *Directory) MerchantBySecret(secret keyring.Secret, now time.Time) (*Merchant, bool) {
	for _, hash := range d.hash(hashAPISecret, secret.Reveal()) {
		if key, ok := d.apiSecrets[hash]; ok && (key.expiresAt.IsZero() || now.Before(key.expiresAt)) {
			return d.Merchant(key.merchantID)
		}
	}
	return nil, false
}

// SourceByToken finds the source of a token.
func (d *Directory) SourceByToken(token keyring.Secret) (*Source, bool) {
	for _, hash := range d.hash(hashSourceToken, token.Reveal()) {
		if source, ok := d.tokens[hash]; ok {
			return source, true
		}
	}
	return nil, false
}

// Source finds a source by id.
func (d *Directory) Source(id int64) (*Source, bool) {
	s, ok := d.sources[id]
	return s, ok
}

// Wallet finds a wallet by id.
func (d *Directory) Wallet(id wallet.ID) (*wallet.Wallet, bool) {
	w, ok := d.wallets[id]
	return w, ok
}

// Account finds a receiving account by id.
func (d *Directory) Account(id wallet.AccountID) (wallet.Account, bool) {
	a, ok := d.accounts[id]
	if !ok {
		return wallet.Account{}, false
	}
	return a.Account, true
}

// Methods lists the methods for which the merchant has an active wallet, in the registry's order.
func (d *Directory) Methods(m *Merchant) []method.Method {
	var list []method.Method
	for _, candidate := range method.All() {
		for _, w := range d.walletList {
			if w.Method == candidate.Name && w.State == wallet.Active && w.Serves(m.Merchant) {
				list = append(list, candidate)
				break
			}
		}
	}
	return list
}

// Served reports whether the merchant has a wallet of the method in whatever state: there may be payers who were shown it.
func (d *Directory) Served(m *Merchant, by method.Method) bool {
	return slices.ContainsFunc(d.walletList, func(w *wallet.Wallet) bool { return w.Method == by.Name && w.Serves(m.Merchant) })
}

// WebhookSecrets are the merchant's live Standard Webhooks secrets, newest first.
func (m *Merchant) WebhookSecrets(now time.Time) []string {
	return liveOf(m.webhooks, now)
}

// WithdrawalKeys are the merchant's live keys that sign withdrawals, newest first.
func (m *Merchant) WithdrawalKeys(now time.Time) []string {
	return liveOf(m.withdrawals, now)
}

func liveOf(secrets []datedSecret, now time.Time) (live []string) {
	for _, s := range secrets {
		if s.expiresAt.IsZero() || now.Before(s.expiresAt) {
			live = append(live, s.secret.Reveal())
		}
	}
	return live
}

// PostbackKey is the secret half of the postback key pair.
func (m *Merchant) PostbackKey() keyring.Secret { return m.postbackKey }

// fits reports whether the account has a wallet, whatever its state, of the claim's method and currency that serves
// the merchant.
func (d *Directory) fits(m *Merchant, claim deposit.Claim, transfer deposit.Transfer) bool {
	a, ok := d.accounts[wallet.AccountID(transfer.AccountID)]
	if !ok || transfer.Amount.Currency != claim.Amount.Currency {
		return false
	}
	for _, w := range a.wallets {
		if w.Method == claim.Method && w.Currency == claim.Amount.Currency && w.Serves(m.Merchant) {
			return true
		}
	}
	return false
}

// isOwn reports whether a payer, as a bank names it on an account, is one of our wallets: its identifier, or a UPI
// address made of the wallet's phone number (6234234234@ybl).
func (d *Directory) isOwn(payer string, on deposit.AccountID) bool {
	payer, sandbox := strings.ToLower(payer), d.isSandbox(on)
	local, _, _ := strings.Cut(payer, "@")
	return payer != "" && (d.own[ownWallet{sandbox, payer}] || d.own[ownWallet{sandbox, local}])
}

func (d *Directory) isSandbox(id deposit.AccountID) bool {
	a, ok := d.accounts[wallet.AccountID(id)]
	return ok && a.Sandbox
}

// inItsWorld puts evidence of a sandbox account on the sandbox's rails.
func (d *Directory) inItsWorld(item EvidenceItem) EvidenceItem {
	if d.isSandbox(item.AccountID) {
		item.Rail = item.Rail.Sandbox()
	}
	return item
}

func (d *Directory) shared(id deposit.AccountID) bool {
	a, ok := d.accounts[wallet.AccountID(id)]
	return ok && a.shared
}

// loader builds a Directory from the database.
type loader struct {
	q      *store.Queries
	keys   *keyring.Keyring
	log    *slog.Logger
	before *Directory // what is large and the same in it isn't read again
	d      *Directory
}

func (l *loader) load(ctx context.Context) (*Directory, error) {
	l.d = &Directory{
		merchants: map[merchant.ID]*Merchant{}, bySlug: map[string]*Merchant{}, byDomain: map[string]*Merchant{},
		apiSecrets: map[[32]byte]apiSecret{}, accounts: map[wallet.AccountID]*account{}, wallets: map[wallet.ID]*wallet.Wallet{},
		sources: map[int64]*Source{}, tokens: map[[32]byte]*Source{}, ledger: map[ledger.AccountKey]int64{},
		rates: map[[2]money.Currency]money.Rate{}, own: map[ownWallet]bool{}, endpoints: map[Endpoint]EndpointSettings{}, rails: map[string]Rail{},
		hash: l.keys.Hashes,
	}
	// The revision is read first: a change during the load is then seen as a newer revision and loaded again.
	installation, err := l.q.GetInstallation(ctx)
	if err != nil {
		return nil, fmt.Errorf("load installation: %w", err)
	}
	l.d.Revision, l.d.Recovery, l.d.Simulated = installation.Revision, installation.RecoveryAt.Valid, installation.Simulated == 1
	l.d.Stopped = installation.StoppedAt.Valid
	for _, step := range []func(context.Context) error{l.merchantRows, l.windowRows, l.keyRows, l.accountRows, l.walletRows, l.sourceRows, l.endpointRows, l.railRows, l.branchRows, l.otherRows} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("load directory: %w", err)
		}
	}
	return l.d, nil
}

func (l *loader) merchantRows(ctx context.Context) error {
	rows, err := l.q.ListMerchants(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		zone, err := time.LoadLocation(row.TimeZone)
		if err != nil {
			return fmt.Errorf("merchant %s: %w", row.Slug, err)
		}
		policy, err := merchant.ParsePolicy(row.Policy)
		if err != nil {
			return fmt.Errorf("merchant %s: %w", row.Slug, err)
		}
		m := &Merchant{Merchant: merchant.Merchant{
			ID: merchant.ID(row.ID), Slug: row.Slug, Name: row.Name, Sandbox: row.Sandbox == 1, Currency: money.Currency(row.Currency),
			Zone: zone, PostbackURL: row.PostbackUrl, WithdrawalPostbackURL: row.WithdrawalPostbackUrl,
			State: merchant.State(row.State), Policy: policy, CreatedAt: fromMicro(row.CreatedAt),
		}}
		l.d.merchants[m.ID], l.d.bySlug[m.Slug] = m, m
	}
	domains, err := l.q.ListMerchantDomains(ctx)
	for _, row := range domains {
		if m := l.d.merchants[merchant.ID(row.MerchantID)]; m != nil { // else it was added since: the next load has it
			l.d.byDomain[row.Host] = m
		}
	}
	return err
}

func (l *loader) keyRows(ctx context.Context) error {
	rows, err := l.q.ListMerchantKeys(ctx)
	if err != nil {
		return err
	}
	for i := len(rows) - 1; i >= 0; i-- { // newest first
		row := rows[i]
		m, ok := l.d.merchants[merchant.ID(row.MerchantID)]
		if !ok {
			continue
		}
		var expires time.Time
		if row.ExpiresAt.Valid {
			expires = fromMicro(row.ExpiresAt.Int64)
		}
		if row.Kind == keyAPISecret {
			l.d.apiSecrets[[32]byte(row.Hash)] = apiSecret{m.ID, expires}
			continue
		}
		plain, err := l.keys.Open(row.Sealed, keyring.Place("merchant_key", "sealed", row.ID))
		if err != nil {
			return fmt.Errorf("merchant %s: %s key: %w", m.Slug, row.Kind, err)
		}
		secret := keyring.Secret(plain)
		switch row.Kind {
		case keyPostback:
			if m.AccessKey == "" {
				m.AccessKey, m.postbackKey = row.Public, secret
			}
		case keyWebhook:
			m.webhooks = append(m.webhooks, datedSecret{secret, expires})
		case keyWithdrawal:
			m.withdrawals = append(m.withdrawals, datedSecret{secret, expires})
		case keyRedirect:
			m.linkKeys = append(m.linkKeys, datedSecret{secret, expires})
		}
	}
	return nil
}

func (l *loader) accountRows(ctx context.Context) error {
	rows, err := l.q.ListReceivingAccounts(ctx)
	for _, row := range rows {
		var tails []string
		if err := json.Unmarshal([]byte(row.Tails), &tails); err != nil {
			return fmt.Errorf("account %d: tails: %w", row.ID, err)
		}
		l.d.accounts[wallet.AccountID(row.ID)] = &account{Account: wallet.Account{
			ID: wallet.AccountID(row.ID), Sandbox: row.Sandbox == 1, Currency: money.Currency(row.Currency),
			Rail: method.Rail(row.Rail), Holder: row.Holder, Tails: tails,
		}}
	}
	return err
}

func (l *loader) walletRows(ctx context.Context) error {
	rows, err := l.q.ListWallets(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		w := &wallet.Wallet{
			ID: wallet.ID(row.ID), AccountID: wallet.AccountID(row.AccountID), Sandbox: row.Sandbox == 1, Method: row.Method,
			Identifier: row.Identifier, AccountType: row.AccountType, Currency: money.Currency(row.Currency), Holder: row.Holder,
			State: wallet.State(row.State), DailyAmount: row.DailyAmountLimit.Int64, DailyCount: row.DailyCountLimit.Int64,
			CreatedAt: fromMicro(row.CreatedAt),
		}
		l.d.wallets[w.ID] = w
		l.d.walletList = append(l.d.walletList, w)
		l.d.own[ownWallet{w.Sandbox, strings.ToLower(w.Identifier)}] = true
		if a := l.d.accounts[w.AccountID]; a != nil {
			a.wallets = append(a.wallets, w)
		}
	}
	served, err := l.q.ListWalletMerchants(ctx)
	for _, row := range served {
		if w := l.d.wallets[wallet.ID(row.WalletID)]; w != nil {
			w.Merchants = append(w.Merchants, merchant.ID(row.MerchantID))
		}
	}
	for _, a := range l.d.accounts {
		a.shared = l.d.servesSeveral(a)
	}
	return err
}

// servesSeveral counts the merchants that any wallet of the account serves.
func (d *Directory) servesSeveral(a *account) bool {
	seen := map[merchant.ID]bool{}
	for _, w := range a.wallets {
		if len(w.Merchants) == 0 {
			of := 0
			for _, m := range d.merchants {
				if m.Sandbox == a.Sandbox {
					of++
				}
			}
			if of > 1 {
				return true
			}
		}
		for _, id := range w.Merchants {
			seen[id] = true
		}
	}
	return len(seen) > 1
}

func (l *loader) sourceRows(ctx context.Context) error {
	rows, err := l.q.ListSources(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		s := &Source{
			ID: row.ID, WalletID: wallet.ID(row.WalletID), AccountID: wallet.AccountID(row.AccountID),
			Kind: evidence.SourceKind(row.Kind), State: row.State,
		}
		l.d.sources[s.ID] = s
		if len(row.TokenHash) == 32 && s.State != "retired" {
			l.d.tokens[[32]byte(row.TokenHash)] = s
		}
		if row.TokenSealed != nil {
			plain, err := l.keys.Open(row.TokenSealed, keyring.Place("source", "token_sealed", row.ID))
			if err != nil {
				return fmt.Errorf("source %d: %w", row.ID, err)
			}
			s.Token = keyring.Secret(plain)
		}
	}
	return nil
}

func (l *loader) otherRows(ctx context.Context) error {
	accounts, err := l.q.ListLedgerAccounts(ctx)
	if err != nil {
		return err
	}
	for _, row := range accounts {
		l.d.ledger[ledger.AccountKey{Kind: ledger.AccountKind(row.Kind), OwnerID: row.OwnerID, Currency: money.Currency(row.Currency)}] = row.ID
	}
	rates, err := l.q.ListRates(ctx)
	if err != nil {
		return err
	}
	for _, row := range rates {
		rate, err := money.ParseRate(row.Rate)
		if err != nil {
			return fmt.Errorf("rate %s %s: %w", row.Base, row.Quote, err)
		}
		l.d.rates[[2]money.Currency{money.Currency(row.Base), money.Currency(row.Quote)}] = rate
	}
	headers, err := l.q.ListSenderHeaders(ctx)
	var extra []evidence.SenderHeader
	for _, row := range headers {
		extra = append(extra, evidence.SenderHeader{Header: row.Header, Bank: row.Bank})
	}
	l.d.Senders = evidence.NewReader(extra)
	return err
}

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }
