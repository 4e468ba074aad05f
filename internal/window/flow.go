package window

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/money"
)

// order is what is known of a visit's order.
type order struct {
	known   bool // there is a claim: truth says what became of it
	truth   gateway.OrderTruth
	waiting *deferral // a number that is checked later, nil for none
}

// open reports whether the order has anything to show but the way to pay.
func (o *order) begun() bool { return o.known || o.waiting != nil }

// status is the wire's status of the order. What is checked later is undecided, whatever an earlier number led to.
func (o *order) status() galla.Status {
	status := o.truth.Result.Answer().Status
	if o.waiting != nil && (!o.known || status == galla.StatusFail) {
		return galla.StatusPending
	}
	return status
}

// final reports that nothing changes by itself any more.
func (o *order) final() bool {
	return o.waiting == nil && (o.status() == galla.StatusOK || o.status() == galla.StatusFail)
}

// left is how many corrections are left, and whether the payer may send a number at all: never when it is accepted or
// held, at most deposit.MaxCorrections times while it waits. A refusal uses up nothing.
func (o *order) left() (left int, may bool) {
	if !o.known {
		return deposit.MaxCorrections, true
	}
	switch o.truth.Result.State {
	case deposit.Accepted, deposit.Held:
		return 0, false
	case deposit.Waiting:
		left = deposit.MaxCorrections - o.truth.Corrections
		return left, left > 0
	}
	return max(deposit.MaxCorrections-o.truth.Corrections, 1), true
}

// order reads the truth. Somebody else's order is a problem that tells nothing of it.
func (x *Window) order(ctx context.Context, v *visit) (*order, error) {
	truth, known, err := x.Gateway.Order(ctx, v.merchant.ID, v.link.orderID)
	if err != nil {
		return nil, err
	}
	o := &order{known: known, truth: truth, waiting: x.deferred.find(v.merchant.ID, v.link.orderID)}
	if known && truth.Payer != v.link.label || o.waiting != nil && o.waiting.Payer != v.link.label {
		return nil, &problem{code: "order_conflict", detail: "order_conflict", support: true}
	}
	if known && (truth.Result.State == deposit.Accepted || truth.Result.State == deposit.Held) {
		o.waiting = nil // decided meanwhile by another way
	}
	return o, nil
}

// show answers GET: the order's truth, or the next step on the way there.
func (x *Window) show(w http.ResponseWriter, r *http.Request, v *visit) (*screen, error) {
	o, err := x.order(r.Context(), v)
	if err != nil {
		return nil, err
	}
	if o.begun() {
		step := v.link.choices.step
		if _, may := o.left(); !may || step != stepNumber && step != stepAmount {
			return x.result(w, v, o), nil
		}
	}
	return x.form(r.Context(), v, o, entry{choices: v.link.choices})
}

// post answers POST: it takes one step, and leads back to the link by 303, so that a reload never posts twice. What is
// wrong is shown again as it was typed.
func (x *Window) post(w http.ResponseWriter, r *http.Request, v *visit) (*screen, error) {
	f, err := readForm(w, r, x.TrustedProxies)
	if err != nil {
		return nil, err
	}
	o, err := x.order(r.Context(), v)
	if err != nil {
		return nil, err
	}
	if _, may := o.left(); o.begun() && !may {
		seeOther(w, v.url(choices{})) // the truth answers, whatever was sent
		return nil, nil
	}
	e := entry{choices: v.link.choices, number: f.key1}
	if f.walletType != "" {
		e.method = f.walletType
	}
	if f.amount != "" || f.has("amount") {
		e.amount, e.amountGiven = f.amount, true
	}
	if f.has("key1") {
		return x.claim(w, r, v, o, e)
	}
	if v.expired && !o.begun() {
		return nil, &problem{code: "link_expired", detail: "link_expired"}
	}
	m, ok := x.chosen(v, o, e.method)
	if !ok {
		return x.unprocessable(x.form(r.Context(), v, o, e))
	}
	if _, key := v.amount(m, e.amount); key != "" && e.amountGiven {
		return x.unprocessable(x.form(r.Context(), v, o, e))
	}
	next := choices{method: m.Name, amount: e.amount}
	if o.begun() {
		next.step = stepNumber
	}
	seeOther(w, v.url(next))
	return nil, nil
}

// unprocessable marks a form that is shown again.
func (x *Window) unprocessable(s *screen, err error) (*screen, error) {
	if s != nil {
		s.code = http.StatusUnprocessableEntity
	}
	return s, err
}

// claim sends the payer's number to the gateway.
func (x *Window) claim(w http.ResponseWriter, r *http.Request, v *visit, o *order, e entry) (*screen, error) {
	m, ok := x.chosen(v, o, e.method)
	if !ok {
		return x.unprocessable(x.form(r.Context(), v, o, e))
	}
	amount, key := v.amount(m, e.amount)
	if key != "" {
		e.amountGiven = true
		return x.unprocessable(x.form(r.Context(), v, o, e))
	}
	number, key := findNumber(m, e.number)
	if key != "" {
		e.numberError = key
		web.Note(w, slog.String("number_refused", key))
		return x.unprocessable(x.form(r.Context(), v, o, e))
	}
	request := gateway.ClaimRequest{
		MerchantID: v.merchant.ID, OrderID: v.link.orderID, Payer: v.link.label, Method: m, Key1: number, Amount: amount, From: v.client,
	}
	web.Note(w, slog.String("reference", lastFour(number)))
	results, err := x.activate(r.Context(), []gateway.ClaimRequest{request})
	var tooMany *gateway.TooManyAttempts
	switch {
	case errors.As(err, &tooMany):
		if !x.deferred.add(request, tooMany.Again, o.truth.Result.ClaimID) {
			return x.notChecked(r, v, o, e, http.StatusTooManyRequests)
		}
		web.Note(w, slog.String("deferred_until", tooMany.Again.UTC().Format(time.RFC3339)))
	case err != nil:
		return x.notChecked(r, v, o, e, problemOf(w, err).code400())
	default:
		x.deferred.remove(v.merchant.ID, v.link.orderID)
		web.Note(w, slog.Int64("claim", int64(results[0].ClaimID)), slog.String("state", string(results[0].State)),
			slog.String("reason", string(results[0].Reason)))
	}
	seeOther(w, v.url(choices{}))
	return nil, nil
}

// notChecked shows the form again with the number as it was typed: nobody knows yet, and the payer need only send it again.
func (x *Window) notChecked(r *http.Request, v *visit, o *order, e entry, code int) (*screen, error) {
	e.numberError = "not_checked"
	s, err := x.form(r.Context(), v, o, e)
	if s != nil {
		s.code = code
	}
	return s, err
}

// seeOther leads to an address of this window; it is built from escaped parts and always begins with our own path.
func seeOther(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// chosen is the method that the payer pays by. A number that replaces a waiting one stays with its method.
func (x *Window) chosen(v *visit, o *order, picked string) (method.Method, bool) {
	if o.known && o.truth.Result.State == deposit.Waiting {
		return method.Lookup(o.truth.Method)
	}
	names := []string{v.link.walletType, picked}
	if o.waiting != nil {
		names = append(names, o.waiting.Method.Name)
	}
	names = append(names, o.truth.Method)
	for _, name := range names {
		if m, ok := method.Lookup(name); ok && v.link.takes(m) {
			return m, true
		}
	}
	if offered := v.methods(); len(offered) == 1 {
		return offered[0], true
	}
	return method.Method{}, false
}

// amount is what is to be paid by a method: the link's, which wins over anything that is posted, else what was typed. key
// says what is wrong with that.
func (v *visit) amount(m method.Method, typed string) (amount money.Money, key string) {
	if v.link.fixed == "" {
		return readAmount(typed, m.Currency)
	}
	amount, err := money.Parse(v.link.fixed, m.Currency)
	if err != nil {
		// A refused order of another currency than the link's: parse checked the link's own.
		return amount, amountSyntax
	}
	return amount, ""
}

// lastFour masks a number of a payer for the log.
func lastFour(number string) string {
	const kept = 4
	if len(number) <= kept {
		return "…"
	}
	return "…" + number[len(number)-kept:]
}
