package merchant

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// Mismatch says what happens when the claimed amount isn't the observed one.
type Mismatch string

// The three answers to a wrong amount. What is credited is the observed amount, always.
const (
	MismatchHold   Mismatch = "hold"
	MismatchCredit Mismatch = "credit"
	MismatchRefuse Mismatch = "refuse"
)

// Fee of one method: a share of the credit, rounded half up to the minor unit, plus a fixed amount; at most the credit.
type Fee struct {
	PPM   int64 `json:"ppm"`   // parts per million: 2.5 % is 25000
	Fixed int64 `json:"fixed"` // minor units
}

// Policy is what a merchant may have otherwise than the rest. The zero value of a limit means "no limit".
type Policy struct {
	Mismatch     Mismatch         `json:"mismatch"`
	WaitingLimit int              `json:"waiting_limit"` // open waiting claims per payer
	Window       time.Duration    `json:"window"`        // how long a claim waits, and how old a payment may be
	PaidAfter    time.Duration    `json:"paid_after"`    // how long after the claim a payment may be made
	SMSLimit     int64            `json:"sms_limit"`     // minor units that a bank SMS alone is enough for
	RequireOffer bool             `json:"require_offer"` // a payer must have been shown the account first
	Minimum      int64            `json:"minimum"`
	Maximum      int64            `json:"maximum"`
	DailyAmount  int64            `json:"daily_amount"`
	PayerAmount  int64            `json:"payer_daily_amount"`
	PayerCount   int64            `json:"payer_daily_count"`
	Fees         map[string]Fee   `json:"fees,omitempty"` // by method; "*" is every other method
	AllowIP      []netip.Prefix   `json:"allow_ip,omitempty"`
	Withdrawal   WithdrawalPolicy `json:"withdrawal"`
	// Of the payment window:
	SignedLinks        bool `json:"signed_links"`        // only signed links open
	RedirectParameters bool `json:"redirect_parameters"` // custom_transaction_id and status are appended to redirect URLs
}

// Defaults of a policy (design: one deposit, as data).
const (
	DefaultWaitingLimit = 10
	DefaultWindow       = 72 * time.Hour
	DefaultPaidAfter    = 10 * time.Minute
	DefaultSMSLimit     = 50_000_00
)

// DefaultPolicy is a new merchant's policy.
func DefaultPolicy() Policy {
	return Policy{
		Mismatch: MismatchHold, WaitingLimit: DefaultWaitingLimit, Window: DefaultWindow,
		PaidAfter: DefaultPaidAfter, SMSLimit: DefaultSMSLimit,
		Withdrawal: WithdrawalPolicy{
			Minimum: DefaultWithdrawalMinimum, Maximum: DefaultWithdrawalMaximum, OneLimit: DefaultWithdrawalOneLimit, Rail: RailManual,
		},
	}
}

// ParsePolicy reads a stored policy; what it doesn't name has its default.
func ParsePolicy(text string) (Policy, error) {
	p := DefaultPolicy()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

// JSON is the form in which a policy is stored.
func (p Policy) JSON() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of plain values
	}
	return string(text)
}

// Fee is the fee of one method.
func (p Policy) Fee(method string) Fee {
	if fee, ok := p.Fees[method]; ok {
		return fee
	}
	return p.Fees["*"]
}

// setting is one key of `galla merchant set`: how it is read and how it is shown.
type setting struct {
	key  string
	help string
	set  func(p *Policy, value string, c money.Currency) error
	show func(p Policy, c money.Currency) string
}

var settings = slices.Concat(depositSettings, withdrawalSettings)

var depositSettings = []setting{
	{"mismatch", "hold, credit or refuse a claim whose amount differs from the observed one",
		func(p *Policy, v string, _ money.Currency) error {
			switch m := Mismatch(v); m {
			case MismatchHold, MismatchCredit, MismatchRefuse:
				p.Mismatch = m
				return nil
			}
			return fmt.Errorf("expected hold, credit or refuse")
		}, func(p Policy, _ money.Currency) string { return string(p.Mismatch) }},
	{"waiting_limit", "open waiting claims per payer",
		func(p *Policy, v string, _ money.Currency) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 10_000 {
				return fmt.Errorf("expected a number from 1 to 10000")
			}
			p.WaitingLimit = n
			return nil
		}, func(p Policy, _ money.Currency) string { return strconv.Itoa(p.WaitingLimit) }},
	{"window", "how long a claim waits for its money, and how old a payment may be (72h)",
		func(p *Policy, v string, _ money.Currency) error { return setDuration(&p.Window, v) },
		func(p Policy, _ money.Currency) string { return p.Window.String() }},
	{"paid_after", "how long after the claim the payment may have been made (10m)",
		func(p *Policy, v string, _ money.Currency) error { return setDuration(&p.PaidAfter, v) },
		func(p Policy, _ money.Currency) string { return p.PaidAfter.String() }},
	amountSetting("sms_limit", "the amount up to which a bank SMS alone is enough", func(p *Policy) *int64 { return &p.SMSLimit }),
	boolSetting("require_offer", "true: a payer must have been shown a wallet of the account before paying", func(p *Policy) *bool { return &p.RequireOffer }),
	amountSetting("minimum", "smallest deposit that is credited without a person, 0 for none", func(p *Policy) *int64 { return &p.Minimum }),
	amountSetting("maximum", "largest deposit that is credited without a person, 0 for none", func(p *Policy) *int64 { return &p.Maximum }),
	amountSetting("daily_amount", "the merchant's deposits of a day, 0 for no limit", func(p *Policy) *int64 { return &p.DailyAmount }),
	amountSetting("payer_daily_amount", "one payer's deposits of a day, 0 for no limit", func(p *Policy) *int64 { return &p.PayerAmount }),
	{"payer_daily_count", "number of one payer's deposits of a day, 0 for no limit",
		func(p *Policy, v string, _ money.Currency) error {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return fmt.Errorf("expected a whole number")
			}
			p.PayerCount = n
			return nil
		}, func(p Policy, _ money.Currency) string { return strconv.FormatInt(p.PayerCount, 10) }},
	{"fee", "percent+fixed for every method, or METHOD:percent+fixed, several with commas (1.5+2,phone_pe:1+0)", setFees, showFees},
	{"allow_ip", "CIDRs from which the API secret may be used, with commas; empty for any",
		func(p *Policy, v string, _ money.Currency) error {
			var list []netip.Prefix
			for _, part := range splitList(v) {
				prefix, err := parsePrefix(part)
				if err != nil {
					return err
				}
				list = append(list, prefix)
			}
			p.AllowIP = list
			return nil
		}, func(p Policy, _ money.Currency) string {
			var list []string
			for _, prefix := range p.AllowIP {
				list = append(list, prefix.String())
			}
			return strings.Join(list, ",")
		}},
	boolSetting("signed_links", "true: the payment window opens signed links only", func(p *Policy) *bool { return &p.SignedLinks }),
	boolSetting("redirect_parameters", "true: the window appends custom_transaction_id and status to return addresses",
		func(p *Policy) *bool { return &p.RedirectParameters }),
}

// SettingNames lists the keys of Set with what they mean, for help texts.
func SettingNames() map[string]string {
	names := map[string]string{}
	for _, s := range settings {
		names[s.key] = s.help
	}
	return names
}

// Set changes one setting from its text, as `galla merchant set` takes it. Amounts are decimal text in c.
func (p *Policy) Set(key, value string, c money.Currency) error {
	for _, s := range settings {
		if s.key == key {
			if !utf8.ValidString(value) { // it is stored as JSON, which would keep another text
				return fmt.Errorf("%s: expected text in UTF-8, got %q", key, value)
			}
			if err := s.set(p, value, c); err != nil {
				return fmt.Errorf("%s: %w, got %q", key, err, value)
			}
			return nil
		}
	}
	keys := make([]string, 0, len(settings))
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return fmt.Errorf("no setting %q; there are %s", key, strings.Join(keys, ", "))
}

// Show gives every setting as text, by key; what Set reads.
func (p Policy) Show(c money.Currency) map[string]string {
	shown := map[string]string{}
	for _, s := range settings {
		shown[s.key] = s.show(p, c)
	}
	return shown
}

func boolSetting(key, help string, field func(*Policy) *bool) setting {
	return setting{key, help, func(p *Policy, v string, _ money.Currency) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("expected true or false")
		}
		*field(p) = b
		return nil
	}, func(p Policy, _ money.Currency) string { return strconv.FormatBool(*field(&p)) }}
}

func amountSetting(key, help string, field func(*Policy) *int64) setting {
	return setting{key, help, func(p *Policy, v string, c money.Currency) error {
		m, err := money.Parse(v, c)
		if err != nil {
			return err
		}
		if m.Minor < 0 {
			return fmt.Errorf("expected an amount of 0 or more")
		}
		*field(p) = m.Minor
		return nil
	}, func(p Policy, c money.Currency) string { return money.Money{Minor: *field(&p), Currency: c}.Text() }}
}

func setDuration(target *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 || d > 365*24*time.Hour {
		return fmt.Errorf("expected a duration such as 72h or 10m")
	}
	*target = d
	return nil
}

func setFees(p *Policy, v string, c money.Currency) error {
	fees := map[string]Fee{}
	for _, part := range splitList(v) {
		name, rest, named := strings.Cut(part, ":")
		if !named {
			name, rest = "*", part
		}
		percent, fixed, _ := strings.Cut(rest, "+")
		ppm, err := money.ParsePercent(percent)
		if err != nil {
			return err
		}
		fee := Fee{PPM: ppm}
		if fixed != "" {
			m, err := money.Parse(fixed, c)
			if err != nil || m.Minor < 0 {
				return fmt.Errorf("expected percent+fixed, such as 1.5+2")
			}
			fee.Fixed = m.Minor
		}
		fees[name] = fee
	}
	p.Fees = fees
	return nil
}

func showFees(p Policy, c money.Currency) string {
	names := make([]string, 0, len(p.Fees))
	for name := range p.Fees {
		names = append(names, name)
	}
	sort.Strings(names)
	var parts []string
	for _, name := range names {
		fee := p.Fees[name]
		text := percentText(fee.PPM) + "+" + money.Money{Minor: fee.Fixed, Currency: c}.Text()
		if name != "*" {
			text = name + ":" + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

func splitList(v string) []string {
	var list []string
	for _, part := range strings.Split(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("expected CIDRs such as 203.0.113.0/24")
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// percentText writes parts per million as percent: 25000 is "2.5".
func percentText(ppm int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%04d", ppm/10_000, ppm%10_000), "0"), ".")
}
