package method

import (
	"errors"
	"regexp"
)

// identifier is what the identifiers of a method's wallets look like.
type identifier interface {
	check(text string) error
}

// shape is an identifier of one form.
type shape struct {
	pattern *regexp.Regexp
	expect  string // completes "must be …"
}

func (s shape) check(text string) error {
	if !s.pattern.MatchString(text) {
		return errors.New("identifier must be " + s.expect)
	}
	return nil
}

// maxVPA is the longest UPI address.
const maxVPA = 255

var (
	indianMobile = shape{
		regexp.MustCompile(`^[6-9][0-9]{9}$`),
		"an Indian mobile number of 10 digits, for example 6234234234",
	}
	// vpa is a UPI address (virtual payment address) in NPCI's form: a name, @, the handle of a bank or app.
	vpa = vpaShape{shape{
		regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{1,}@[a-zA-Z][a-zA-Z0-9.-]{1,63}$`),
		"a UPI address, for example shop@okhdfcbank",
	}}
	bangladeshiMobile = shape{
		regexp.MustCompile(`^01[3-9][0-9]{8}$`),
		"a Bangladeshi mobile number of 11 digits, for example 01712345678",
	}
	rocketAccount = shape{
		regexp.MustCompile(`^01[3-9][0-9]{8,9}$`),
		"a Rocket account: a Bangladeshi mobile number of 11 digits, or 12 with Rocket's check digit",
	}
	pakistaniMobile = shape{
		regexp.MustCompile(`^03[0-9]{9}$`),
		"a Pakistani mobile number of 11 digits, for example 03012345678",
	}
)

// vpaShape is a shape with a limit on its length.
type vpaShape struct{ shape }

func (s vpaShape) check(text string) error {
	if len(text) > maxVPA {
		return errors.New("identifier must be " + s.expect)
	}
	return s.shape.check(text)
}

// either takes what one of two forms takes.
type either [2]identifier

func (e either) check(text string) error {
	first := e[0].check(text)
	if first == nil {
		return nil
	}
	if second := e[1].check(text); second != nil {
		return errors.New(first.Error() + ", or " + second.Error()[len("identifier must be "):])
	}
	return nil
}

// noIdentifier is that of a method without wallets.
type noIdentifier struct{}

func (noIdentifier) check(string) error {
	return errors.New("this method only pays out: it has no wallets to pay to")
}
