package merchant

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/money"
)

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	want := Policy{Mismatch: MismatchHold, WaitingLimit: 10, Window: 72 * time.Hour, PaidAfter: 10 * time.Minute, SMSLimit: 5_000_000}
	want.Withdrawal = WithdrawalPolicy{Minimum: 1_00, Maximum: 200_000_00, OneLimit: 50_000_00, Rail: "manual"}
	if got := DefaultPolicy(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	// What a stored policy doesn't name has its default, so that a new setting needs no migration.
	got, err := ParsePolicy(`{"mismatch":"credit","from_a_newer_galla":1}`)
	want.Mismatch = MismatchCredit
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParsePolicy("not JSON"); err == nil {
		t.Error("a broken policy must not turn into the defaults")
	}
}

func TestSetAndShow(t *testing.T) {
	for _, test := range []struct {
		key, value, shown string
		want              func(*Policy)
	}{
		{"mismatch", "credit", "credit", func(p *Policy) { p.Mismatch = MismatchCredit }},
		{"mismatch", "refuse", "refuse", func(p *Policy) { p.Mismatch = MismatchRefuse }},
		{"waiting_limit", "3", "3", func(p *Policy) { p.WaitingLimit = 3 }},
		{"window", "24h", "24h0m0s", func(p *Policy) { p.Window = 24 * time.Hour }},
		{"paid_after", "90s", "1m30s", func(p *Policy) { p.PaidAfter = 90 * time.Second }},
		{"sms_limit", "50000", "50000", func(p *Policy) { p.SMSLimit = 50_000_00 }},
		{"sms_limit", "0", "0", func(p *Policy) { p.SMSLimit = 0 }},
		{"require_offer", "true", "true", func(p *Policy) { p.RequireOffer = true }},
		{"signed_links", "true", "true", func(p *Policy) { p.SignedLinks = true }},
		{"redirect_parameters", "1", "true", func(p *Policy) { p.RedirectParameters = true }},
		{"minimum", "99.50", "99.5", func(p *Policy) { p.Minimum = 99_50 }},
		{"maximum", "100000", "100000", func(p *Policy) { p.Maximum = 100_000_00 }},
		{"daily_amount", "1000000", "1000000", func(p *Policy) { p.DailyAmount = 1_000_000_00 }},
		{"payer_daily_amount", "5000", "5000", func(p *Policy) { p.PayerAmount = 5_000_00 }},
		{"payer_daily_count", "4", "4", func(p *Policy) { p.PayerCount = 4 }},
		{"withdrawal_minimum", "100", "100", func(p *Policy) { p.Withdrawal.Minimum = 100_00 }},
		{"withdrawal_maximum", "0", "0", func(p *Policy) { p.Withdrawal.Maximum = 0 }},
		{"withdrawal_daily_amount", "5000", "5000", func(p *Policy) { p.Withdrawal.DailyAmount = 5_000_00 }},
		{"withdrawal_payee_daily_amount", "5000", "5000", func(p *Policy) { p.Withdrawal.PayeeAmount = 5_000_00 }},
		{"withdrawal_cool_off", "24h", "24h0m0s", func(p *Policy) { p.Withdrawal.CoolOff = 24 * time.Hour }},
		{"withdrawal_cool_off", "0s", "0s", func(p *Policy) { p.Withdrawal.CoolOff = 0 }},
		{"withdrawal_auto_limit", "1000", "1000", func(p *Policy) { p.Withdrawal.AutoLimit = 1_000_00 }},
		{"withdrawal_one_limit", "20000", "20000", func(p *Policy) { p.Withdrawal.OneLimit = 20_000_00 }},
		{"withdrawal_rail", "manual", "manual", func(*Policy) {}},
		{"fee", "1.5+2", "1.5+2", func(p *Policy) { p.Fees = map[string]Fee{"*": {15_000, 2_00}} }},
		{"fee", "1, phone_pe:0.25+0.5", "1+0,phone_pe:0.25+0.5", func(p *Policy) {
			p.Fees = map[string]Fee{"*": {10_000, 0}, "phone_pe": {2_500, 50}}
		}},
		{"fee", "", "", func(p *Policy) { p.Fees = map[string]Fee{} }},
		{"allow_ip", "203.0.113.7/24, 2001:db8::/32,198.51.100.1", "203.0.113.0/24,2001:db8::/32,198.51.100.1/32", func(p *Policy) {
			p.AllowIP = []netip.Prefix{
				netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.1/32"),
			}
		}},
		{"allow_ip", "", "", func(p *Policy) { p.AllowIP = nil }},
	} {
		p, want := DefaultPolicy(), DefaultPolicy()
		test.want(&want)
		if err := p.Set(test.key, test.value, money.INR); err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%s=%s: %+v, %v", test.key, test.value, p, err)
			continue
		}
		if shown := p.Show(money.INR)[test.key]; shown != test.shown {
			t.Errorf("%s=%s is shown as %q, want %q", test.key, test.value, shown, test.shown)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	for _, test := range [][2]string{
		{"mismatch", "Credit"}, {"mismatch", ""}, {"waiting_limit", "0"}, {"waiting_limit", "10001"}, {"waiting_limit", "ten"},
		{"window", "0s"}, {"window", "-1h"}, {"window", "72"}, {"window", "9000h"}, {"paid_after", "soon"}, {"sms_limit", "-1"},
		{"sms_limit", "1.005"}, {"sms_limit", ""}, {"require_offer", "maybe"}, {"signed_links", "maybe"}, {"redirect_parameters", ""}, {"minimum", "1e3x"}, {"payer_daily_count", "-1"},
		{"payer_daily_count", "1.5"}, {"fee", "x"}, {"fee", "1+-2"}, {"fee", "1+2+3"}, {"fee", "-1"}, {"fee", "101"},
		{"allow_ip", "203.0.113.0/33"}, {"allow_ip", "example.org"}, {"colour", "red"},
		{"withdrawal_cool_off", "-1h"}, {"withdrawal_minimum", "-1"}, {"withdrawal_rail", "sandbox"}, {"withdrawal_rail", ""},
	} {
		p := DefaultPolicy()
		err := p.Set(test[0], test[1], money.INR)
		if err == nil {
			t.Errorf("%s=%s: taken as %+v", test[0], test[1], p)
			continue
		}
		if !reflect.DeepEqual(p, DefaultPolicy()) {
			t.Errorf("%s=%s: refused, yet it changed the policy", test[0], test[1])
		}
		if !strings.Contains(err.Error(), test[0]) {
			t.Errorf("%s=%s: the error doesn't name the setting: %v", test[0], test[1], err)
		}
	}
}

// What Show prints, Set reads: an operator may copy a setting from one merchant to another.
func TestShowIsWhatSetReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policyGenerator().Draw(t, "policy")
		copied := DefaultPolicy()
		for key, value := range p.Show(money.INR) {
			if err := copied.Set(key, value, money.INR); err != nil {
				t.Fatalf("%s=%s: %v", key, value, err)
			}
		}
		if !reflect.DeepEqual(copied, p) {
			t.Fatalf("%+v became %+v", p, copied)
		}
		if parsed, err := ParsePolicy(p.JSON()); err != nil || parsed.JSON() != p.JSON() || !reflect.DeepEqual(parsed.Show(money.INR), p.Show(money.INR)) {
			t.Fatalf("stored %s came back as %s (%v)", p.JSON(), parsed.JSON(), err)
		}
	})
}

func policyGenerator() *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		amount := rapid.Int64Range(0, 1<<40)
		p := Policy{
			Mismatch:     rapid.SampledFrom([]Mismatch{MismatchHold, MismatchCredit, MismatchRefuse}).Draw(t, "mismatch"),
			WaitingLimit: rapid.IntRange(1, 10_000).Draw(t, "waiting"),
			Window:       time.Duration(rapid.Int64Range(1, 8760*3600).Draw(t, "window")) * time.Second,
			PaidAfter:    time.Duration(rapid.Int64Range(1, 8760*3600).Draw(t, "paid after")) * time.Second,
			SMSLimit:     amount.Draw(t, "sms"), RequireOffer: rapid.Bool().Draw(t, "offer"),
			Minimum: amount.Draw(t, "minimum"), Maximum: amount.Draw(t, "maximum"), DailyAmount: amount.Draw(t, "daily"),
			PayerAmount: amount.Draw(t, "payer"), PayerCount: amount.Draw(t, "count"), Fees: map[string]Fee{},
			Withdrawal: WithdrawalPolicy{
				Minimum: amount.Draw(t, "smallest"), Maximum: amount.Draw(t, "largest"), DailyAmount: amount.Draw(t, "a day's"), PayeeAmount: amount.Draw(t, "payee"),
				CoolOff: time.Duration(rapid.Int64Range(0, 8760*3600).Draw(t, "cool-off")) * time.Second, AutoLimit: amount.Draw(t, "auto"),
				OneLimit: amount.Draw(t, "one"), Rail: RailManual,
			},
		}
		for _, name := range []string{"*", "phone_pe", "paytm"} {
			if rapid.Bool().Draw(t, name) {
				p.Fees[name] = Fee{rapid.Int64Range(0, 1_000_000).Draw(t, "ppm"), amount.Draw(t, "fixed")}
			}
		}
		if rapid.Bool().Draw(t, "ips") {
			p.AllowIP = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/48")}
		}
		return p
	})
}

func TestFeeOfAMethod(t *testing.T) {
	p := Policy{Fees: map[string]Fee{"*": {1, 1}, "phone_pe": {2, 2}}}
	if p.Fee("phone_pe") != (Fee{2, 2}) || p.Fee("paytm") != (Fee{1, 1}) || (Policy{}).Fee("paytm") != (Fee{}) {
		t.Error(p)
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	var shown []string
	for key := range DefaultPolicy().Show(money.INR) {
		shown = append(shown, key)
	}
	names := SettingNames()
	for _, key := range shown {
		if names[key] == "" {
			t.Errorf("%s has no help", key)
		}
	}
	if len(names) != len(shown) || !slices.Contains(shown, "allow_ip") {
		t.Errorf("%d settings are explained, %d shown", len(names), len(shown))
	}
}
