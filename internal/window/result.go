package window

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
)

// refreshSeconds is how often a page without JavaScript looks again.
const refreshSeconds = 10

// result shows the truth of the order.
func (x *Window) result(w http.ResponseWriter, v *visit, o *order) *screen {
	status := o.status()
	s := &ResultScreen{Status: string(status), Order: v.link.orderID, Origin: v.link.choices.parent}
	name := o.truth.Method
	if o.known {
		s.Number, s.Amount = v.shown(o.truth.Given), FormatAmount(v.lang, o.truth.Amount)
		if status == galla.StatusOK {
			s.Amount = FormatAmount(v.lang, o.truth.Result.Amount)
		}
		s.Reason = reasonOf(o)
	}
	if o.waiting != nil {
		s.Number, s.Amount, s.AgainIn = v.shown(o.waiting.Key1), FormatAmount(v.lang, o.waiting.Amount), minutesUntil(o.waiting.at, x.Now())
		name = o.waiting.Method.Name
	}
	if m, ok := method.Lookup(name); ok {
		s.Title = m.Title
	}
	if _, may := o.left(); may {
		s.CorrectURL = v.url(choices{step: stepNumber})
	}
	if !o.final() {
		s.EventsURL, s.StateURL, s.Refresh, s.Tag = v.below("events"), v.below("state"), refreshSeconds, momentOf(o).tag
	}
	if o.waiting == nil { // what isn't checked yet leads nowhere
		s.RedirectURL, s.Seconds = redirectOf(&v.link, status, redirectRules{
			keys: v.merchant.RedirectKeys(x.Now()), slug: v.merchant.Slug, registered: v.merchant.Redirect, now: x.Now(),
			localHTTP: x.LocalHTTP, parameters: v.merchant.Policy.RedirectParameters,
		})
	}
	web.Note(w, slog.String("state", string(o.truth.Result.State)), slog.String("status", s.Status))
	return &screen{Page: Page{Result: s}}
}

// shown is a transaction number as the result shows it. Whoever knows user and order can open a link that nobody signed;
// the middle of the number, which can't be guessed from the time of the payment, is not for him.
func (v *visit) shown(number string) string {
	if v.merchant.Policy.SignedLinks {
		return number
	}
	const front, back, cover = 4, 2, "••••••"
	if len(number) <= front+back {
		return cover
	}
	return number[:front] + cover + number[len(number)-back:]
}

// reasonOf is the message key of what to do next after a fail. Reasons that would help a guesser have one text.
func reasonOf(o *order) string {
	if o.status() != galla.StatusFail {
		return ""
	}
	switch reason := o.truth.Result.Reason; reason {
	case deposit.ReasonTooManyWaiting, deposit.ReasonExpired, deposit.ReasonShape:
		return string(reason)
	}
	return "refused"
}

// minutesUntil rounds up, and is at least 1: it is always still to come.
func minutesUntil(at, now time.Time) int {
	return max(int((at.Sub(now)+time.Minute-1)/time.Minute), 1)
}
