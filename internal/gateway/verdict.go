package gateway

import (
	"encoding/json"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
)

// factsText is what is stored of a verdict's inputs, for "why was this decided so".
func factsText(v deposit.Verdict, f deposit.Facts) string {
	stored := verdictFacts{
		Rules: deposit.RulesVersion, Rule: v.Rule,
		Contested: f.Contested, Mismatches: f.Mismatches, Waiting: f.Waiting, Shared: f.Shared, Disputed: f.Disputed,
		OverLimit: f.OverLimit, Recovery: f.Recovery, Stopped: f.Stopped,
	}
	if !f.ShownAt.IsZero() {
		stored.ShownAt = f.ShownAt.UnixMicro()
	}
	if t := f.Transfer; t != nil {
		stored.OccurredAt, stored.TransferState, stored.Observed = t.OccurredAt.UnixMicro(), string(t.State), t.Amount.Minor
		stored.Precision, stored.Strength = t.Precision.String(), t.Strength.String()
		if !f.Fits {
			stored.Fits = &f.Fits
		}
		stored.exchange(usual(0, f.Claim.Amount.Minor), verdictFacts{})
	}
	return jsonText(stored)
}

// verdictFacts is the JSON of transition.facts of a claim. What was decided, and the reason, stand in the row's own columns.
//
// The row is the largest that a payment has, so what holds for nearly every credit isn't stored: ReadFacts puts it back. Rows of
// before have all of it but a fits of false, and are known by claimed, which no row has now.
type verdictFacts struct {
	Rules         int    `json:"rules"`
	Rule          int    `json:"rule"`
	Claimed       int64  `json:"claimed,omitempty"`
	Transfer      int64  `json:"transfer,omitempty"`
	TransferState string `json:"transfer_state,omitempty"`
	Observed      int64  `json:"observed,omitempty"`
	OccurredAt    int64  `json:"occurred_at,omitempty"`
	Precision     string `json:"precision,omitempty"`
	Strength      string `json:"strength,omitempty"`
	Fits          *bool  `json:"fits,omitempty"`
	Contested     bool   `json:"contested,omitempty"`
	Mismatches    int    `json:"mismatches,omitempty"`
	Waiting       int    `json:"waiting,omitempty"`
	Shared        bool   `json:"shared,omitempty"`
	ShownAt       int64  `json:"shown_at,omitempty"`
	Disputed      bool   `json:"disputed,omitempty"`
	OverLimit     string `json:"over_limit,omitempty"`
	Recovery      bool   `json:"recovery,omitempty"`
	Stopped       bool   `json:"stopped,omitempty"`
}

// usual is what isn't stored of the facts about a transfer: it is the one on the claim's number, observed, exactly, by the
// best evidence, of the claimed amount, and fits. That there was one is told by occurred_at.
func usual(transfer, claimed int64) verdictFacts {
	return verdictFacts{
		Transfer: transfer, TransferState: string(deposit.Observed), Observed: claimed, Precision: evidence.PrecisionExact.String(),
		Strength: evidence.StrengthAny.String(), Fits: new(true),
	}
}

// exchange puts, field by field, what is told of a transfer in one into the place of what is told in the other.
func (f *verdictFacts) exchange(old, fresh verdictFacts) {
	exchange(&f.Transfer, old.Transfer, fresh.Transfer)
	exchange(&f.TransferState, old.TransferState, fresh.TransferState)
	exchange(&f.Observed, old.Observed, fresh.Observed)
	exchange(&f.Precision, old.Precision, fresh.Precision)
	exchange(&f.Strength, old.Strength, fresh.Strength)
	exchange(&f.Fits, old.Fits, fresh.Fits)
}

func exchange[T comparable](value *T, old, fresh T) {
	if *value == old {
		*value = fresh
	}
}

// ReadFacts gives the facts of a claim's verdict in full, as JSON. stored is transition.facts, transfer the id of the transfer on the
// claim's number (0: none is there), claimed the claim's amount in minor units. Texts that aren't a verdict's, such as a person's
// words, and those of before stay as they are.
func ReadFacts(stored string, transfer, claimed int64) string {
	var f verdictFacts
	if err := json.Unmarshal([]byte(stored), &f); err != nil || f.Rules == 0 || f.Claimed != 0 {
		return stored
	}
	f.Claimed = claimed
	if f.OccurredAt != 0 {
		f.exchange(verdictFacts{}, usual(transfer, claimed))
	}
	return jsonText(f)
}
