package evidence

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/money"
)

func factGenerator() *rapid.Generator[Fact] {
	return rapid.Custom(func(t *rapid.T) Fact {
		return Fact{
			Amount: money.Money{
				Minor:    rapid.Int64Range(1, 3).Draw(t, "minor"),
				Currency: rapid.SampledFrom([]money.Currency{money.INR, money.INR, money.BDT}).Draw(t, "currency"),
			},
			AccountID:  rapid.Int64Range(1, 3).Draw(t, "account"),
			OccurredAt: time.UnixMicro(rapid.Int64Range(0, 5).Draw(t, "micro")).In(India),
			Precision:  rapid.SampledFrom([]Precision{PrecisionNone, PrecisionDay, PrecisionExact}).Draw(t, "precision"),
			Payer:      rapid.SampledFrom([]string{"", "RAM", "SITA", "RAM KUMAR", "ram@ybl", "a@b"}).Draw(t, "payer"),
			Strength:   rapid.SampledFrom([]Strength{StrengthWeak, StrengthSMS, StrengthAny}).Draw(t, "strength"),
			Reversed:   rapid.Bool().Draw(t, "reversed"),
			Internal:   rapid.Bool().Draw(t, "internal"),
		}
	})
}

func fold(facts []Fact) Observed {
	all := Observe(facts[0])
	for _, fact := range facts[1:] {
		all = Merge(all, Observe(fact))
	}
	return all
}

// E-2: what is known of a reference depends on the set of its observations only.
func TestMergeDependsOnTheSetOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(factGenerator(), 1, 6).Draw(t, "facts")
		want := fold(facts)

		shuffled := append([]Fact(nil), facts...)
		for range rapid.IntRange(0, 4).Draw(t, "repeats") {
			shuffled = append(shuffled, facts[rapid.IntRange(0, len(facts)-1).Draw(t, "repeated")])
		}
		shuffled = rapid.Permutation(shuffled).Draw(t, "shuffled")
		if got := fold(shuffled); got != want {
			t.Fatalf("another order or repeats: %+v, want %+v", got, want)
		}

		cut := rapid.IntRange(1, len(shuffled)).Draw(t, "cut")
		joined := fold(shuffled[:cut])
		if cut < len(shuffled) {
			joined = Merge(fold(shuffled[cut:]), joined)
		}
		if joined != want {
			t.Fatalf("joined from two parts: %+v, want %+v", joined, want)
		}

		subset := fold(shuffled[:cut])
		if Merge(want, subset) != want {
			t.Fatalf("a subset seen again changes %+v", want)
		}
		outweighed := want.Strength.Outweighs(subset.Strength)
		if subset.Quarantined && !want.Quarantined && !outweighed || subset.Reversed && !want.Reversed || subset.Strength > want.Strength {
			t.Fatalf("knowing more takes back what was known: %+v, then %+v", subset, want)
		}
		checkMeaning(t, facts, want)
	})
}

// checkMeaning compares with the definition, written over the whole set at once.
func checkMeaning(t *rapid.T, facts []Fact, got Observed) {
	if slices.ContainsFunc(facts, func(f Fact) bool { return f.Strength != StrengthWeak }) {
		facts = slices.DeleteFunc(slices.Clone(facts), func(f Fact) bool { return f.Strength == StrengthWeak })
	}
	amounts, accounts := map[money.Money]bool{}, map[int64]bool{}
	best := PrecisionNone
	for _, fact := range facts {
		amounts[fact.Amount], accounts[fact.AccountID] = true, true
		best = max(best, fact.Precision)
	}
	if got.Quarantined != (len(amounts) > 1 || len(accounts) > 1) {
		t.Fatalf("quarantined %t with %d amounts and %d accounts", got.Quarantined, len(amounts), len(accounts))
	}
	if got.Conflict != conflictText(len(amounts) > 1, len(accounts) > 1) || got.Precision != best {
		t.Fatalf("conflict %q, precision %s", got.Conflict, got.Precision)
	}
	for _, fact := range facts {
		if fact.Precision == best && fact.OccurredAt.Before(got.OccurredAt) {
			t.Fatalf("%s is earlier than %s", fact.OccurredAt, got.OccurredAt)
		}
		if fact.Payer != "" && got.Payer == "" || fact.AccountID < got.AccountID {
			t.Fatalf("payer %q, account %d from %+v", got.Payer, got.AccountID, fact)
		}
		if fact.Amount.Currency == got.Amount.Currency && fact.Amount.Minor < got.Amount.Minor {
			t.Fatalf("%s is not the smallest amount", got.Amount)
		}
	}
}

// What anybody can say to a phone neither contradicts a bank nor makes its transfer internal, whichever came first.
func TestWeakEvidenceSaysNothingAgainstABank(t *testing.T) {
	bank := Observe(Fact{Amount: money.Money{Minor: 500, Currency: money.INR}, AccountID: 1, Payer: "RAM", Strength: StrengthSMS})
	weak := Observe(Fact{Amount: money.Money{Minor: 1, Currency: money.INR}, AccountID: 2, Payer: "own@ybl", Strength: StrengthWeak,
		Precision: PrecisionExact, Internal: true})
	if Merge(bank, weak) != bank || Merge(weak, bank) != bank {
		t.Errorf("became %+v and %+v", Merge(bank, weak), Merge(weak, bank))
	}
	weak.Reversed = true
	if !Merge(bank, weak).Reversed {
		t.Error("a reversal is forgotten")
	}
	other := weak
	other.Amount.Minor = 2
	if !Merge(weak, other).Quarantined {
		t.Error("two weak ones that differ agree")
	}
}

func TestMergePrefers(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 5, 6, minute, 0, 0, time.UTC) }
	base := Fact{Amount: money.Money{Minor: 100, Currency: money.INR}, AccountID: 1}
	day, exact := base, base
	day.OccurredAt, day.Precision, day.Payer = at(0), PrecisionDay, "PAYER NAME"
	exact.OccurredAt, exact.Precision, exact.Payer = at(30), PrecisionExact, "p@ybl"
	got := Merge(Observe(day), Observe(exact))
	if !got.OccurredAt.Equal(at(30)) || got.Precision != PrecisionExact || got.Payer != "p@ybl" || got.Quarantined {
		t.Errorf("%+v", got)
	}
	other := exact
	other.Amount.Minor = 99
	got = Merge(got, Observe(other))
	if !got.Quarantined || got.Conflict != ConflictAmount || got.Amount.Minor != 99 {
		t.Errorf("%+v", got)
	}
}
