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
		stored.Transfer, stored.OccurredAt = int64(t.ID), t.OccurredAt.UnixMicro()
		stored.TransferState, stored.Observed = string(t.State), t.Amount.Minor
		stored.Precision, stored.Strength, stored.Fits = t.Precision.String(), t.Strength.String(), &f.Fits
		stored.leaveOut(int64(t.ID), f.Claim.Amount.Minor)
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

// usual is what leaveOut leaves out of the facts about a transfer: it is the one on the claim's number, observed, exactly, by the
// best evidence, of the claimed amount, and fits. That there was one is told by occurred_at.
func usual(transfer, claimed int64) verdictFacts {
	return verdictFacts{
		Transfer: transfer, TransferState: string(deposit.Observed), Observed: claimed, Precision: evidence.PrecisionExact.String(),
		Strength: evidence.StrengthAny.String(), Fits: new(true),
	}
}

func (f *verdictFacts) leaveOut(transfer, claimed int64) {
	u := usual(transfer, claimed)
	omit(&f.Transfer, u.Transfer)
	omit(&f.TransferState, u.TransferState)
	omit(&f.Observed, u.Observed)
	omit(&f.Precision, u.Precision)
	omit(&f.Strength, u.Strength)
	if *f.Fits {
		f.Fits = nil
	}
}

func omit[T comparable](value *T, usual T) {
	if *value == usual {
		*value = *new(T)
	}
}

// ReadFacts gives the facts of a claim's verdict in full, as JSON. stored is transition.facts, transfer the id of the transfer on the
// claim's number (0: none is there), claimed the claim's amount in minor units. Texts that aren't a verdict's, such as a person's words, and those of before stay as they are.
func ReadFacts(stored string, transfer, claimed int64) string {
	var f verdictFacts
	if err := json.Unmarshal([]byte(stored), &f); err != nil || f.Rules == 0 || f.Claimed != 0 {
		return stored
	}
	f.Claimed = claimed
	if f.OccurredAt != 0 {
		u := usual(transfer, claimed)
		putBack(&f.Transfer, u.Transfer)
		putBack(&f.TransferState, u.TransferState)
		putBack(&f.Observed, u.Observed)
		putBack(&f.Precision, u.Precision)
		putBack(&f.Strength, u.Strength)
		putBack(&f.Fits, u.Fits)
	}
	return jsonText(f)
}

func putBack[T comparable](value *T, usual T) {
	if *value == *new(T) {
		*value = usual
	}
}
