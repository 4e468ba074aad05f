package deposit

import (
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/money"
)

// FuzzTransferMoves: whatever is observed, reversed, released, rejected and credited in whatever order, only listed moves happen, and
// what was credited keeps its money (E-2, S-1).
func FuzzTransferMoves(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5})
	f.Add([]byte{0, 4, 0x11, 2, 3, 4})
	f.Add([]byte{0x20, 0x31, 5, 0x42, 3, 0x10, 4, 2})
	f.Fuzz(func(t *testing.T, acts []byte) {
		var transfer Transfer
		credited := money.Money{}
		for i, act := range acts {
			before := transfer
			next := transfer
			switch kind, detail := act%6, act/6; {
			case kind == 0 || kind == 1 || transfer.State == TransferNew:
				next = transfer.Apply(evidence.Fact{
					Amount: money.Money{Minor: 1 + int64(detail&1), Currency: money.INR}, AccountID: 1 + int64(detail>>1&1),
					OccurredAt: time.UnixMicro(int64(detail)), Strength: evidence.Strength(int(detail>>2) % 3), Internal: detail>>4&1 == 1,
				}, time.UnixMicro(int64(i)))
			case kind == 2:
				next = transfer.Reverse()
			case kind == 3 && transfer.State != Rejected && transfer.Marks&^transfer.Released != 0:
				next = transfer.Release()
			case kind == 4 && transfer.State == Observed:
				next.State, credited = Credited, CreditedAmount(transfer)
			case kind == 5 && CanMoveTransfer(transfer.State, Rejected):
				next.State = Rejected
			}
			if before.State != next.State && !CanMoveTransfer(before.State, next.State) {
				t.Fatalf("%v: act %d moves from %q to %q", acts, i, before.State, next.State)
			}
			if transfer = next; (transfer.State == Credited || transfer.State == Disputed) != (credited.Minor > 0) {
				t.Fatalf("%v: after act %d it is %q, credited %v", acts, i, transfer.State, credited)
			}
			if credited.Minor > 0 && transfer.Amount != credited {
				t.Fatalf("%v: act %d changes credited money from %v to %v", acts, i, credited, transfer.Amount)
			}
		}
	})
}

// FuzzClaimMoves: from any sequence of wishes only listed moves are made, and what has ended stays.
func FuzzClaimMoves(f *testing.F) {
	states := []State{New, Waiting, Held, Accepted, Refused, Expired, Withdrawn}
	f.Add([]byte{1, 2, 3, 4})
	f.Add([]byte{1, 5, 1, 3})
	f.Add([]byte{2, 1, 3, 0, 6})
	f.Fuzz(func(t *testing.T, wishes []byte) {
		at, ended := New, false
		for _, wish := range wishes {
			to := states[int(wish)%len(states)]
			if !CanMove(at, to) {
				continue
			}
			if ended || to == New || at == Held && to == Waiting {
				t.Fatalf("%v: from %q to %q", wishes, at, to)
			}
			at, ended = to, !to.Live()
		}
	})
}
