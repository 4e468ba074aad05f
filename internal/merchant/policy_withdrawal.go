package merchant

import (
	"fmt"
	"time"

	"github.com/galla-gateway/galla/money"
)

// WithdrawalPolicy is what a merchant's withdrawals may be. Amounts are minor units; the zero value of a limit means "no
// limit".
type WithdrawalPolicy struct {
	Minimum     int64         `json:"minimum"`
	Maximum     int64         `json:"maximum"`
	DailyAmount int64         `json:"daily_amount"`
	PayeeAmount int64         `json:"payee_daily_amount"`
	CoolOff     time.Duration `json:"cool_off"`   // how long a new beneficiary waits for the approval
	AutoLimit   int64         `json:"auto_limit"` // up to it nobody need approve
	OneLimit    int64         `json:"one_limit"`  // up to it one person must, above it two
	Rail        string        `json:"rail"`
}

// Defaults of withdrawals.
const (
	DefaultWithdrawalMinimum  = 1_00
	DefaultWithdrawalMaximum  = 200_000_00
	DefaultWithdrawalOneLimit = 50_000_00
	// RailManual: people pay by hand.
	RailManual = "manual"
	// RailSandbox follows scripts and pays nothing. Sandbox merchants and test withdrawals have no other.
	RailSandbox = "sandbox"
)

var withdrawalSettings = []setting{
	amountSetting("withdrawal_minimum", "smallest withdrawal", func(p *Policy) *int64 { return &p.Withdrawal.Minimum }),
	amountSetting("withdrawal_maximum", "largest withdrawal, 0 for no limit", func(p *Policy) *int64 { return &p.Withdrawal.Maximum }),
	amountSetting("withdrawal_daily_amount", "the merchant's withdrawals of a day, 0 for no limit", func(p *Policy) *int64 { return &p.Withdrawal.DailyAmount }),
	amountSetting("withdrawal_payee_daily_amount", "withdrawals of a day to one account, 0 for no limit", func(p *Policy) *int64 { return &p.Withdrawal.PayeeAmount }),
	{"withdrawal_cool_off", "how long a withdrawal to a new account waits before anybody may approve it (24h), 0s for none",
		func(p *Policy, v string, _ money.Currency) error {
			if v == "0" || v == "0s" {
				p.Withdrawal.CoolOff = 0
				return nil
			}
			return setDuration(&p.Withdrawal.CoolOff, v)
		}, func(p Policy, _ money.Currency) string { return p.Withdrawal.CoolOff.String() }},
	amountSetting("withdrawal_auto_limit", "the amount up to which a withdrawal needs nobody's approval", func(p *Policy) *int64 { return &p.Withdrawal.AutoLimit }),
	amountSetting("withdrawal_one_limit", "the amount up to which one person approves a withdrawal; above it two must", func(p *Policy) *int64 { return &p.Withdrawal.OneLimit }),
	{"withdrawal_rail", "how withdrawals are paid: manual, or the name of a rail (galla rail list)",
		func(p *Policy, v string, _ money.Currency) error {
			if v == "" || v == RailSandbox {
				return fmt.Errorf("expected %s or the name of a rail", RailManual)
			}
			p.Withdrawal.Rail = v
			return nil
		}, func(p Policy, _ money.Currency) string { return p.Withdrawal.Rail }},
}
