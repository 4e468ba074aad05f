package payouts

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galla-gateway/galla"
)

const (
	killMoment        = "killed at a random moment"
	actCancelled      = "cancelled by the merchant"
	actTooLate        = "cancelled too late, and refused"
	actPaidByPeople   = "said to be paid by two people"
	actFailedByPeople = "said to have failed by two people"
	actHook           = "webhook taken"
	actForged         = "webhook with a wrong signature, and refused"
	actRepeated       = "request for a withdrawal repeated after no answer"
)

const (
	// merchants work side by side.
	merchants = 8
	// mostRepeats bounds how often a request is repeated that gets no answer, or a 5xx.
	mostRepeats = 200
	// mostCancels bounds those of one step.
	mostCancels = 2
	// peopleAfter is when people look into the bank's book: all that comes late has come.
	peopleAfter = 9 * 24 * time.Hour
	// mostTurns is how often a turn looks for what is due: more than there can be.
	mostTurns = 2000
	// killEvery is how many steps there are for each kill at a random moment, killWithin when it comes.
	killEvery  = 5
	killWithin = 60 * time.Millisecond
)

// order is a withdrawal as its merchant knows it.
type order struct {
	of      *bank
	id      string
	account string // its own: the bank's book tells by it what was paid twice
	rupees  int64
}

// order makes the next one; the merchants take turns.
func (w *world) order() *order {
	n := len(w.orders)
	o := &order{of: w.banks[n%len(w.banks)], id: fmt.Sprintf("w-%d", n), account: fmt.Sprintf("7%011d", n), rupees: 1 + int64(draw(50_000, "amount", strconv.Itoa(n)))}
	w.orders = append(w.orders, o)
	w.mu.Lock()
	w.index[o.account] = n
	w.mu.Unlock()
	return o
}

// ask asks for withdrawals, and repeats what gets no answer.
func (w *world) ask(orders []*order) {
	var group sync.WaitGroup
	for share := range merchants {
		group.Go(func() {
			for n := share; n < len(orders); n += merchants {
				w.askOne(orders[n])
			}
		})
	}
	group.Wait()
}

func (w *world) askOne(o *order) {
	r := galla.WithdrawalRequest{
		WithdrawalID: o.id, PaymentSystem: galla.PaymentSystemIMPS, Amount: o.rupees, CurrencyCode: "INR", Label: "payee", AccountNumber: o.account,
		AccountName: "Asha Rao", BankCode: "HDFC0001234",
	}
	body, err := r.AppendJSON(nil, o.of.key.Reveal())
	if err != nil {
		w.laws.breaks(lawRuns, "%s: %v", o.id, err)
		return
	}
	for range mostRepeats {
		status, answer := w.anybody().call("/v2/withdrawal/create?merchant="+o.of.name, http.Header{"Content-Type": {"application/json"}}, body)
		switch {
		case status == http.StatusOK && strings.Contains(answer, `"ok"`):
			return
		case w.ctx.Err() != nil:
			return
		case status != 0 && status < http.StatusInternalServerError:
			w.laws.breaks(lawRuns, "%s is refused with %d: %s", o.id, status, answer)
			return
		}
		w.happened(actRepeated)
	}
	w.laws.breaks(lawRuns, "%s is never taken on", o.id)
}

func (w *world) anybody() *victim { return w.victims[w.dice(len(w.victims))] }

// turn has a gateway see to what is due; false: it was killed meanwhile.
func (w *world) turn(v *victim, most int) bool {
	status, answer := v.call("/turn?most="+strconv.Itoa(most), nil, nil)
	if status != 0 && status != http.StatusOK {
		w.laws.breaks(lawRuns, "a turn ended with %d: %s", status, answer)
	}
	return status != 0
}

// finishTurn is turn, again and again until nobody is killed over it.
func (w *world) finishTurn(v *victim) {
	for range mostRepeats {
		if w.turn(v, mostTurns) || w.ctx.Err() != nil {
			return
		}
	}
}

// tell brings the webhooks that are due; what gets no answer is lost.
func (w *world) tell() {
	for _, b := range w.banks {
		for _, hook := range b.book.Due() {
			status, answer := w.anybody().call("/rails/v1/"+b.name, hook.Header, hook.Body)
			switch {
			case status == http.StatusOK && hook.Genuine:
				w.happened(actHook)
			case status == http.StatusNotFound && !hook.Genuine:
				w.happened(actForged)
			case status != 0 && status < http.StatusInternalServerError:
				w.laws.breaks(lawForged, "a webhook of %s, genuine %t, is answered with %d: %s", b.name, hook.Genuine, status, answer)
			}
		}
	}
}

// cancel has merchants take back what they think isn't paid yet. ids are of withdrawals that were approved a moment ago.
func (w *world) cancel(rows []row) {
	for _, r := range rows {
		b := w.bank(r.rail)
		status, answer := w.anybody().call(fmt.Sprintf("/v3/withdrawals/%d/cancel", r.id), http.Header{"Authorization": {"Bearer " + b.secret.Reveal()}}, nil)
		var problem struct {
			Code string `json:"code"`
		}
		switch {
		case status == http.StatusOK:
			w.happened(actCancelled)
		case status == http.StatusConflict && json.Unmarshal([]byte(answer), &problem) == nil:
			w.happened(actTooLate)
		case status != 0 && status < http.StatusInternalServerError:
			w.laws.breaks(lawRuns, "cancelling %d is answered with %d: %s", r.id, status, answer)
		}
	}
}

// resolve has two people end what is open for long, by what they see in the bank's book.
func (w *world) resolve(rows []row) {
	for _, r := range rows {
		entry, _ := w.bank(r.rail).book.Entry(r.reference)
		utr, act := "", actFailedByPeople
		if entry.Amount.Minor > 0 {
			utr, act = entry.UTR, actPaidByPeople
		}
		done := true
		for _, key := range w.people {
			query := url.Values{"id": {strconv.FormatInt(r.id, 10)}, "operator": {key.Reveal()}, "utr": {utr}}
			status, _ := w.anybody().call("/resolve?"+query.Encode(), nil, nil)
			done = done && status == http.StatusOK // else it is being asked about, or ends meanwhile, or there is no answer: they say it again
		}
		if done {
			w.happened(act)
		}
	}
}
