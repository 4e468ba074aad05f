package window

import (
	"html/template"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/internal/method"
)

// numberKinds are the forms of transaction numbers that the catalogues describe. The value is whether a number has only
// digits, so that a phone shows its digit keys.
var numberKinds = map[string]bool{
	"rrn": true, "easypaisa": true, "jazzcash": true, "bkash": false, "nagad": false, "rocket": false,
}

// NumberKind is PayScreen.NumberKind of a method.
func NumberKind(m method.Method) string {
	if m.Rail == method.RailIndia {
		return "rrn"
	}
	return m.Name
}

// FindApps are PayScreen.Apps of a method: the apps whose drawings help, the method's own first. None outside of UPI.
func FindApps(m method.Method) []string {
	switch {
	case m.Rail != method.RailIndia:
		return nil
	case m.Name == "paytm":
		return []string{"paytm", "phonepe", "gpay", "bhim"}
	}
	return []string{"phonepe", "gpay", "paytm", "bhim"}
}

// kind is the page's number kind, "rrn" for one without words.
func (v view) kind() string {
	if v.Pay != nil {
		if _, ok := numberKinds[v.Pay.NumberKind]; ok {
			return v.Pay.NumberKind
		}
	}
	return "rrn"
}

// NumberLabel names the field: "Transaction number (UTR)".
func (v view) NumberLabel() string { return v.T("number." + v.kind() + ".label") }

// NumberForm is what the number looks like: "12 digits".
func (v view) NumberForm() string { return v.T("number." + v.kind() + ".form") }

// InputMode is the keyboard for the number.
func (v view) InputMode() string {
	if numberKinds[v.kind()] {
		return "numeric"
	}
	return "text"
}

// Twelve is whether the script looks for 12 digits in a pasted text.
func (v view) Twelve() bool { return v.kind() == "rrn" }

// IsVPA is whether the wallet is a UPI address.
func (v view) IsVPA() bool { return strings.Contains(v.Pay.Identifier, "@") }

// IdentifierParts are the wallet in the pieces between which a narrow screen may break it: after the @.
func (v view) IdentifierParts() []string { return strings.SplitAfter(v.Pay.Identifier, "@") }

// IdentifierLabel names the wallet: "PhonePe number" or "UPI ID".
func (v view) IdentifierLabel() string {
	if v.IsVPA() {
		return v.T("pay.vpa")
	}
	return v.T("pay.mobile", "method", v.Pay.Title)
}

// Steps are what the payer does in the wallet app, in order.
func (v view) Steps() []string {
	p := v.Pay
	var steps []string
	paste := v.T("steps.paste")
	switch {
	case v.IsVPA():
		paste = v.T("steps.paste_vpa")
		steps = append(steps, v.T("steps.vpa"))
	case v.kind() == "rrn":
		steps = append(steps, v.T("steps.mobile", "method", p.Title))
	default:
		action := "personal"
		if slices.Contains([]string{"agent", "merchant"}, p.AccountType) {
			action = p.AccountType
		}
		steps = append(steps, v.T("steps.wallet", "method", p.Title, "action", v.T("action."+action)))
	}
	if p.Holder != "" {
		paste += " " + v.T("steps.name", "holder", p.Holder)
	}
	return append(steps, paste, v.T("steps.exact", "amount", p.Amount))
}

// Links are the app links that may be shown.
func (v view) Links() []AppLink {
	return slices.DeleteFunc(slices.Clone(v.Pay.AppLinks), func(l AppLink) bool { return v.App(l.URL) == "" })
}

// QRCode draws the page's QR, "" for none. A text that is too long for a code leaves the page without one: the payer
// still has the number.
func (v view) QRCode() template.HTML {
	if v.Pay.QR == "" {
		return ""
	}
	svg, err := labelledQR(v.Pay.QR, v.T("pay.qr.label", "amount", v.Pay.Amount, "identifier", v.Pay.Identifier))
	if err != nil {
		return ""
	}
	return svg
}

// Drawing is one app's picture with its caption.
type Drawing struct {
	Name, Caption string
	SVG           template.HTML
}

// Drawings show where the number is, for each of the page's apps that has one.
func (v view) Drawings() []Drawing {
	var found []Drawing
	for _, app := range v.Pay.Apps {
		if svg, ok := drawings[app]; ok {
			found = append(found, Drawing{appNames[app], v.T("drawing." + app), svg})
		}
	}
	return found
}

// Screen names the screen that is shown, for who reads the page by program.
func (v view) Screen() string {
	switch {
	case v.Methods != nil:
		return "methods"
	case v.Amount != nil:
		return "amount"
	case v.Pay != nil:
		return "pay"
	case v.Result != nil:
		return "result"
	}
	return "problem"
}

// ErrorKey names what is wrong with what was typed, "" for nothing.
func (v view) ErrorKey() string {
	switch {
	case v.Amount != nil:
		return v.Amount.Error
	case v.Pay != nil:
		return v.Pay.Error
	}
	return ""
}
