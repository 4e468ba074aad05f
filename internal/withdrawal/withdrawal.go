// Package withdrawal holds the rules of money that leaves: the states of a withdrawal, whether it may be taken on, and how
// many people must approve it. It is pure: functions of values, without clock or database.
package withdrawal

// ID is our number of a withdrawal.
type ID int64

// State of a withdrawal.
type State string

// The states. Refused, Cancelled, Paid and Refunded are terminal: nothing moves after them.
const (
	New       State = "" // not stored yet
	Created   State = "created"
	Approved  State = "approved"
	Refused   State = "refused"   // by a person; the money is the merchant's again
	Cancelled State = "cancelled" // by the merchant; the money is the merchant's again
	// Submitted: a bank may have been told. It is stored before the bank is (invariant W-5).
	Submitted State = "submitted"
	// Unknown: nobody knows whether the money left. It is never the merchant's again without evidence (invariant W-3).
	Unknown State = "unknown"
	Paid    State = "paid"
	// Failed: the bank says that no money left. The money stays reserved until that is certain.
	Failed State = "failed"
	// Refunded: it had failed for certain; the money is the merchant's again.
	Refunded State = "refunded"
)

// States lists all of them in the order of a withdrawal's life.
var States = []State{Created, Approved, Refused, Cancelled, Submitted, Unknown, Paid, Failed, Refunded}

// moves lists every move that exists, and why it is made.
var moves = []struct {
	From, To State
	Why      string
}{
	{New, Created, "the merchant asks"},
	{Created, Approved, "enough people say yes, or the amount needs none"},
	{Created, Refused, "a person says no"},
	{Created, Cancelled, "the merchant takes it back"},
	{Approved, Refused, "a person says no"},
	{Approved, Cancelled, "the merchant takes it back"},
	{Approved, Submitted, "the intent is stored, then the bank is told"},
	{Submitted, Paid, "the bank, a statement or a person with its number says so"},
	{Submitted, Failed, "the bank says so"},
	{Submitted, Unknown, "no answer, or one that isn't understood"},
	{Unknown, Paid, "evidence, or two people"},
	{Unknown, Failed, "evidence, or two people"},
	{Failed, Refunded, "it is certain"},
	{Failed, Paid, "the bank changed its mind before anything was given back"},
}

// CanMove reports whether a withdrawal may go from one state to another.
func CanMove(from, to State) bool {
	for _, m := range moves {
		if m.From == from && m.To == to {
			return true
		}
	}
	return false
}

// Ended reports whether nothing moves any more: the merchant is told of these and of no other.
func (s State) Ended() bool { return s == Refused || s == Cancelled || s == Paid || s == Refunded }

// Reserved reports whether money is set aside for a withdrawal in this state.
func (s State) Reserved() bool { return s != New && !s.Ended() }

// Diagram draws the moves as Mermaid, for the documentation.
func Diagram() string {
	text := "stateDiagram-v2\n"
	for _, m := range moves {
		from := string(m.From)
		if m.From == New {
			from = "[*]"
		}
		text += "    " + from + " --> " + string(m.To) + ": " + m.Why + "\n"
	}
	for _, s := range States {
		if s.Ended() {
			text += "    " + string(s) + " --> [*]\n"
		}
	}
	return text
}
