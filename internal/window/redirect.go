package window

import (
	"net/url"
	"time"

	"github.com/galla-gateway/galla"
)

// Seconds that a readable result is shown before the payer is moved on: long enough to read what it says, and for what
// isn't over, to correct it.
const (
	secondsSuccess = 5
	secondsPending = 20
	secondsFail    = 20
)

// redirectRules are what decides where a payer goes, beside the link and the result.
type redirectRules struct {
	keys       []string // of the merchant, newest first: two while they are rotated
	slug       string
	registered func(id int) (string, bool)
	now        time.Time
	localHTTP  bool
	parameters bool // append custom_transaction_id and status
}

// redirectOf is where the payer goes after a result, and after how many seconds; "" stays (protocol 3.2 and 3.3). Only a
// token that the merchant signed or a URL that it registered leads anywhere.
func redirectOf(l *link, status galla.Status, rules redirectRules) (target string, seconds int) {
	kind, seconds := galla.RedirectFail, secondsFail
	switch status {
	case galla.StatusOK:
		kind, seconds = galla.RedirectSuccess, secondsSuccess
	case galla.StatusPending, galla.StatusPossible:
		kind, seconds = galla.RedirectPending, secondsPending
	}
	target = targetOf(l, kind, rules)
	if target != "" && rules.parameters {
		target = withParameters(target, l.orderID, string(status))
	}
	if target == "" {
		return "", 0
	}
	return target, seconds
}

func targetOf(l *link, kind galla.RedirectKind, rules redirectRules) string {
	if token := l.tokens[kind]; token != "" {
		for _, key := range rules.keys {
			if target, err := galla.ParseRedirectToken(key, rules.slug, kind, token, rules.now, rules.localHTTP); err == nil {
				return target
			}
		}
	}
	target, ok := rules.registered(l.urlIDs[kind])
	// Checked again: it may have been registered while other rules held.
	if !ok || galla.CheckRedirectURL(target, rules.localHTTP) != nil {
		return ""
	}
	return target
}

// withParameters appends to the target's query and leaves the rest of it as it stands.
func withParameters(target, orderID, status string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	added := url.Values{"custom_transaction_id": {orderID}, "status": {status}}.Encode()
	if u.RawQuery != "" {
		added = u.RawQuery + "&" + added
	}
	u.RawQuery = added
	return u.String()
}
