package withdrawal

import "testing"

// FuzzMoves: however a withdrawal is pushed, it is paid or given back and never both, nothing is given back that a bank may have and
// that hasn't failed, and what has ended stays (W-1, W-3).
func FuzzMoves(f *testing.F) {
	f.Add([]byte{0, 1, 4, 6})
	f.Add([]byte{0, 1, 4, 5, 7, 8})
	f.Add([]byte{0, 2, 8, 6})
	f.Fuzz(func(t *testing.T, wishes []byte) {
		at, told, failed := New, false, false
		for _, wish := range wishes {
			to := States[int(wish)%len(States)]
			if !CanMove(at, to) {
				continue
			}
			switch {
			case at.Ended():
				t.Fatalf("%v: %s goes on to %s", wishes, at, to)
			case to == Submitted && at != Approved:
				t.Fatalf("%v: %s is submitted", wishes, at)
			case (to == Refused || to == Cancelled) && told:
				t.Fatalf("%v: %s though a bank may have it", wishes, to)
			case to == Refunded && !failed:
				t.Fatalf("%v: refunded without having failed", wishes)
			}
			at, told, failed = to, told || to == Submitted, failed || to == Failed
			if at.Reserved() == at.Ended() {
				t.Fatalf("%s is reserved and has ended, or neither", at)
			}
		}
	})
}
