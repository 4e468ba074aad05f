package merchant

// Brand is how a merchant's window looks. This file stands in for the real one and goes at the merge.
type Brand struct {
	Name                             string
	Logo                             []byte
	LogoType, Colour, Theme, Contact string
}
