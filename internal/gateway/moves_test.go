package gateway

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
)

// wantMoves looks at every move of the transfer of a number.
func (w *world) wantMoves(what, number, want string) {
	w.t.Helper()
	q := w.g.store.Read()
	var id, observedAt int64
	w.must(w.beside().QueryRow("SELECT t.id, t.observed_at FROM transfer t JOIN reference r ON r.id = t.reference_id WHERE r.number = '"+number+"'").Scan(&id, &observedAt))
	moves, err := TransferMoves(w.t.Context(), q, id, observedAt)
	w.must(err)
	var told []string
	for _, m := range moves {
		if m.SubjectID != id || m.Kind != ofTransfer || m.At == 0 {
			w.t.Errorf("of another, or at no time: %+v", m)
		}
		told = append(told, fmt.Sprintf("%s>%s %s %s", m.FromState, m.ToState, m.Actor, m.Reason))
	}
	if got := strings.Join(told, ", "); got != want {
		w.t.Errorf("%s: %s; want %s", what, got, want)
	}
}

// Each move of a transfer is told once and in its order, whether it stands in the log or in another row.
func TestTransferMoves(t *testing.T) {
	eachWorld(t, func(w *world) {
		const born, credited = ">observed rules created", ", observed>credited rules matched"
		w.observe(w.credit("321302038123", "500"))
		w.wantMoves("observed", "321302038123", born)
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantMoves("credited", "321302038123", born+credited)
		w.observe(w.credit("321302038124", "90"))
		w.wantEvidence(w.credit("321302038124", "91"), EvidenceRefused, "conflict")
		w.wantMoves("quarantined", "321302038124", born+", observed>quarantined rules conflict")

		reversal := w.credit("321302038127", "5")
		reversal.Outcome, reversal.Reason = evidence.Reversal, evidence.ReasonReversal
		w.wantEvidence(reversal, EvidenceRefused, evidence.ReasonReversal)
		w.observe(w.credit("321302038127", "5"))
		w.wantMoves("taken back before it was seen", "321302038127", ">reversed rules created")

		// What a person accepts, they moved.
		w.observe(w.credit("321302038128", "70"))
		held := w.wantClaim(claimRequest("o2", "p2", "321302038128", "71"), deposit.Held, deposit.ReasonMismatch)
		_, err := w.g.ResolveClaim(t.Context(), held.ClaimID, true, "asha", "seen on the statement")
		w.must(err)
		w.wantMoves("accepted by a person", "321302038128", born+", observed>credited asha decided_by_person")

		w.wantEvidence(w.credit("321302038123", "501"), EvidenceRefused, "conflict")
		w.wantMoves("disputed", "321302038123", born+credited+", credited>disputed rules conflict")
		w.want("rows", w.count("SELECT count(*) FROM transition WHERE kind = 'transfer'"), 3)

		// A log of before has all of it, and nothing is told twice.
		w.mutate("INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT -1, 'transfer', transfer_id, 'observed', 'credited', created_at, 'rules', 'matched' FROM deposit WHERE amount = 50000")
		w.mutate("INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT -2, 'transfer', transfer_id, '', 'observed', created_at - 1, 'rules', 'created' FROM deposit WHERE amount = 50000")
		w.wantMoves("of before", "321302038123", born+credited+", credited>disputed rules conflict")
	})
}

// What a verdict leaves out is read back; what isn't usual is stored.
func TestReadFacts(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "90"))
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("o2", "p2", "321302038124", "91"), deposit.Held, deposit.ReasonMismatch)
		w.wantClaim(claimRequest("o3", "p3", "321302038125", "91"), deposit.Waiting, deposit.ReasonNoTransfer)
		for order, want := range map[string][2]string{
			"o1": {`{"rules":N,"rule":N,"occurred_at":N}`,
				`{"rules":N,"rule":N,"claimed":50000,"transfer":77,"transfer_state":"observed","observed":50000,"occurred_at":N,"precision":"exact","strength":"any","fits":true}`},
			"o2": {`{"rules":N,"rule":N,"observed":9000,"occurred_at":N}`,
				`{"rules":N,"rule":N,"claimed":9100,"transfer":77,"transfer_state":"observed","observed":9000,"occurred_at":N,"precision":"exact","strength":"any","fits":true}`},
			"o3": {`{"rules":N,"rule":N}`, `{"rules":N,"rule":N,"claimed":9100}`},
		} {
			var stored string
			w.must(w.beside().QueryRow("SELECT m.facts FROM transition m JOIN claim c ON m.kind = 'claim' AND c.id = m.subject_id WHERE c.order_id = '" + order + "'").Scan(&stored))
			read := ReadFacts(stored, 77, w.count("SELECT amount FROM claim WHERE order_id = '"+order+"'"))
			numbers := regexp.MustCompile(`("(?:rules?|occurred_at)":)\d+`)
			if numbers.ReplaceAllString(stored, "${1}N") != want[0] || numbers.ReplaceAllString(read, "${1}N") != want[1] {
				t.Errorf("%s: stored %s, read %s; want %q", order, stored, read, want)
			}
		}
	})
	strange := deposit.Transfer{ID: 3, State: deposit.Quarantined, OccurredAt: time.UnixMicro(9), Precision: evidence.PrecisionDay, Strength: evidence.StrengthWeak}
	if got, want := factsText(deposit.Verdict{Rule: 4}, deposit.Facts{Transfer: &strange}), `"transfer_state":"quarantined","occurred_at":9,"precision":"day","strength":"weak","fits":false}`; !strings.HasSuffix(got, want) {
		t.Errorf("what isn't usual isn't stored: %s", got)
	}
	const unfit = `{"rules":1,"rule":7,"transfer":3,"transfer_state":"quarantined","observed":5,"occurred_at":9,"precision":"day","strength":"weak","fits":false}`
	if got, want := ReadFacts(unfit, 77, 7), strings.Replace(unfit, `"transfer":3`, `"claimed":7,"transfer":3`, 1); got != want {
		t.Errorf("what isn't usual: %s", got)
	}
	for _, same := range []string{
		"", "x", "{}", personFacts("seen"), `{"rules":1,"rule":9,"claimed":50000,"transfer":1,"transfer_state":"observed","observed":50000,"occurred_at":1}`,
	} {
		if got := ReadFacts(same, 77, 7); got != same {
			t.Errorf("%s became %s", same, got)
		}
	}
}
