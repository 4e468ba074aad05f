package method

// Rail is a namespace of transaction numbers: within one rail a number names one transfer for ever. UPI and IMPS share
// the numbers of NPCI's switch, so all Indian methods share a rail.
//
// The numbers are stored in databases: they are for ever. Add new ones at the end, never change or reuse one.
type Rail uint8

// The rails.
const (
	RailIndia     Rail = 1 // retrieval reference numbers of UPI and IMPS
	RailBkash     Rail = 2
	RailNagad     Rail = 3
	RailRocket    Rail = 4
	RailEasypaisa Rail = 5
	RailJazzCash  Rail = 6
)

// sandboxRails is set in the rails of invented money.
const sandboxRails Rail = 0x80

// Sandbox is the rail of the same numbers in the sandbox, where they name other transfers: what is tried there must
// neither touch nor tell anything of real numbers.
func (r Rail) Sandbox() Rail { return r | sandboxRails }

// railNames is indexed by Rail.
var railNames = [...]string{
	RailIndia:     "in.rrn",
	RailBkash:     "bkash",
	RailNagad:     "nagad",
	RailRocket:    "rocket",
	RailEasypaisa: "pk.easypaisa",
	RailJazzCash:  "pk.jazzcash",
}

// String is the rail's name: "in.rrn", "sandbox in.rrn".
func (r Rail) String() string {
	plain, prefix := r&^sandboxRails, ""
	if plain == 0 || int(plain) >= len(railNames) {
		return "unknown"
	}
	if r != plain {
		prefix = "sandbox "
	}
	return prefix + railNames[plain]
}

// RailByName is the inverse of String.
func RailByName(name string) (Rail, bool) {
	for r, n := range railNames {
		if n == name && n != "" {
			return Rail(r), true
		}
	}
	return 0, false
}
