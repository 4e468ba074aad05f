package rails

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/testkit"
)

func TestPaid(t *testing.T) {
	join(t, sim.PayoutOptions{Settle: time.Minute}, func(t *testing.T, j joined) {
		in := instruction(7)
		if a := j.Find(t.Context(), in, ""); a.Outcome != payout.Absent {
			t.Fatalf("before: %+v", a)
		}
		sent := j.Pay(t.Context(), in)
		if sent.Outcome != payout.Sent || sent.RailID == "" {
			t.Fatalf("pay: %+v", sent)
		}
		j.clock.Advance(time.Minute)
		for name, a := range map[string]payout.Answer{
			"find": j.Find(t.Context(), in, ""), "find by id": j.Find(t.Context(), in, sent.RailID), "pay again": j.Pay(t.Context(), in),
		} {
			e, _ := j.Entry(in.Reference)
			if a.Outcome != payout.Paid || a.UTR == "" || a.UTR != e.UTR || a.RailID != sent.RailID {
				t.Errorf("%s: %+v", name, a)
			}
		}
		e, _ := j.Entry(in.Reference)
		if n, amount := j.Paid(in.Reference); n != 1 || amount != in.Amount || e.Account != in.AccountNumber || e.IFSC != in.IFSC || e.Asked != 2 {
			t.Errorf("the book has %d, %v, %+v", n, amount, e)
		}
	})
}

// Each fault in the first request to pay: what is answered then, what the book has, and what a second request answers.
func TestFaultsOfPay(t *testing.T) {
	for fault, c := range map[sim.CallFault]struct {
		first payout.Outcome
		paid  int // after the first request
	}{
		"":                     {payout.Paid, 1},
		sim.CallDropsBefore:    {payout.Unknown, 0},
		sim.CallDropsAfter:     {payout.Unknown, 1},
		sim.CallBreaksBefore:   {payout.Unknown, 0},
		sim.CallBreaksAfter:    {payout.Unknown, 1},
		sim.CallTooMany:        {payout.Unknown, 0},
		sim.CallUnauthorised:   {payout.Unknown, 0},
		sim.CallRefused:        {payout.Unknown, 0},
		sim.CallWrongID:        {payout.Paid, 1}, // no id is known yet that it could differ from; the next look-up tells
		sim.CallWrongReference: {payout.Unknown, 1},
		sim.CallWrongAmount:    {payout.Unknown, 1},
		sim.CallWrongAccount:   {payout.Unknown, 1},
		sim.CallWrongState:     {payout.Unknown, 1},
		sim.CallGarbage:        {payout.Unknown, 1},
		sim.CallHTML:           {payout.Unknown, 1},
		sim.CallCut:            {payout.Unknown, 1},
		sim.CallLong:           {payout.Unknown, 1},
	} {
		t.Run(string(fault), func(t *testing.T) {
			join(t, sim.PayoutOptions{Fault: in(sim.OperationPay, fault)}, func(t *testing.T, j joined) {
				a := j.Pay(t.Context(), instruction(7))
				n, _ := j.Paid(payout.Reference(7))
				if a.Outcome != c.first || n != c.paid || a.Outcome == payout.Unknown && a.Reason == "" {
					t.Errorf("first: %+v with %d paid, want %s with %d", a, n, c.first, c.paid)
				}
				secretless(t, a)
				found := j.Find(t.Context(), instruction(7), "")
				if want := map[bool]payout.Outcome{true: payout.Paid, false: payout.Absent}[c.paid == 1]; found.Outcome != want {
					t.Errorf("find: %+v, want %s", found, want)
				}
				again := j.Pay(t.Context(), instruction(7))
				n, amount := j.Paid(payout.Reference(7))
				if again.Outcome != payout.Paid || n != 1 || amount != instruction(7).Amount {
					t.Errorf("second: %+v with %d paid of %v", again, n, amount)
				}
			})
		})
	}
}

// After a payment that went through and was never heard of, no refusal of a second one may be taken for the first's.
func TestRefusalAfterALostAnswerIsUnknown(t *testing.T) {
	for _, refusal := range []sim.CallFault{sim.CallUnauthorised, sim.CallRefused, sim.CallTooMany, sim.CallBreaksBefore} {
		fault := func(c sim.Call) sim.CallFault {
			switch {
			case c.Operation != sim.OperationPay:
				return ""
			case c.Attempt == 1:
				return sim.CallDropsAfter
			}
			return refusal
		}
		join(t, sim.PayoutOptions{Fault: fault}, func(t *testing.T, j joined) {
			j.Pay(t.Context(), instruction(7))
			a := j.Pay(t.Context(), instruction(7))
			if n, _ := j.Paid(payout.Reference(7)); a.Outcome != payout.Unknown || n != 1 {
				t.Errorf("%s: %+v with %d paid", refusal, a, n)
			}
		})
	}
}

func TestFaultsOfFind(t *testing.T) {
	for _, fault := range []sim.CallFault{
		sim.CallDropsBefore, sim.CallBreaksBefore, sim.CallTooMany, sim.CallUnauthorised, sim.CallWrongID, sim.CallWrongReference,
		sim.CallWrongAmount, sim.CallWrongAccount, sim.CallWrongState, sim.CallGarbage, sim.CallHTML, sim.CallCut, sim.CallLong,
	} {
		// Of GET requests net/http tries those again by itself of which a kept connection broke, so all fail.
		all := func(c sim.Call) sim.CallFault {
			if c.Operation == sim.OperationFind {
				return fault
			}
			return ""
		}
		join(t, sim.PayoutOptions{Fault: all}, func(t *testing.T, j joined) {
			sent := j.Pay(t.Context(), instruction(7))
			a := j.Find(t.Context(), instruction(7), sent.RailID)
			if a.Outcome != payout.Unknown || a.Reason == "" {
				t.Errorf("%s: %+v", fault, a)
			}
			secretless(t, a)
		})
	}
}

// A search that misses what is there is Absent where no id is known, and Unknown where one is.
func TestSearchThatMisses(t *testing.T) {
	all := func(c sim.Call) sim.CallFault {
		if c.Operation == sim.OperationFind {
			return sim.CallMisses
		}
		return ""
	}
	join(t, sim.PayoutOptions{Fault: all}, func(t *testing.T, j joined) {
		sent := j.Pay(t.Context(), instruction(7))
		if a := j.Find(t.Context(), instruction(7), ""); a.Outcome != payout.Absent {
			t.Errorf("without id: %+v", a)
		}
		if a := j.Find(t.Context(), instruction(7), sent.RailID); a.Outcome == payout.Absent {
			t.Errorf("with id: %+v", a)
		}
	})
}

func TestLives(t *testing.T) {
	for l, want := range map[sim.PayoutLife][2]payout.Outcome{ // at once, and much later
		"":                       {payout.Paid, payout.Paid},
		sim.LifeQueued:           {payout.Sent, payout.Paid},
		sim.LifeLate:             {payout.Sent, payout.Paid},
		sim.LifeStuck:            {payout.Sent, payout.Sent},
		sim.LifeFails:            {payout.Failed, payout.Failed},
		sim.LifeFailsThenPays:    {payout.Failed, payout.Paid},
		sim.LifePaysThenReverses: {payout.Paid, payout.Failed},
	} {
		t.Run(string(l), func(t *testing.T) {
			join(t, sim.PayoutOptions{Life: life(l)}, func(t *testing.T, j joined) {
				if a := j.Pay(t.Context(), instruction(7)); a.Outcome != want[0] {
					t.Errorf("at once: %+v, want %s", a, want[0])
				}
				j.clock.Advance(2 * late)
				a := j.Find(t.Context(), instruction(7), "")
				if a.Outcome != want[1] || (a.Code == "reversed") != (l == sim.LifePaysThenReverses) {
					t.Errorf("later: %+v, want %s", a, want[1])
				}
				n, amount := j.Paid(payout.Reference(7))
				if credited := want[0] == payout.Paid || want[1] == payout.Paid; (n == 1) != credited || (amount.Minor != 0) != (want[1] == payout.Paid) {
					t.Errorf("the book has %d, %v", n, amount)
				}
			})
		})
	}
}

// An answer of long ago says less than is known by now, never more.
func TestStaleAnswer(t *testing.T) {
	fault := func(c sim.Call) sim.CallFault {
		if c.Operation == sim.OperationPay && c.Attempt > 1 {
			return sim.CallStale
		}
		return ""
	}
	join(t, sim.PayoutOptions{Settle: time.Minute, Fault: fault}, func(t *testing.T, j joined) {
		j.Pay(t.Context(), instruction(7))
		j.clock.Advance(time.Hour)
		if a := j.Pay(t.Context(), instruction(7)); a.Outcome != payout.Sent {
			t.Errorf("%+v", a)
		}
		if a := j.Find(t.Context(), instruction(7), ""); a.Outcome != payout.Paid {
			t.Errorf("%+v", a)
		}
	})
}

func TestHanging(t *testing.T) {
	for fault, paid := range map[sim.CallFault]int{sim.CallHangsBefore: 0, sim.CallHangsAfter: 1} {
		join(t, sim.PayoutOptions{Fault: in(sim.OperationPay, fault)}, func(t *testing.T, j joined) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			a := j.Pay(ctx, instruction(7))
			if n, _ := j.Paid(payout.Reference(7)); a.Outcome != payout.Unknown || a.Reason != "no answer in time" && fault == sim.CallHangsAfter || n > paid {
				t.Errorf("%s: %+v with %d paid", fault, a, n)
			}
		})
	}
}

// Other details under the same reference are refused or found to differ, and never paid.
func TestOtherDetailsUnderOneReference(t *testing.T) {
	join(t, sim.PayoutOptions{}, func(t *testing.T, j joined) {
		j.Pay(t.Context(), instruction(7))
		other := instruction(7)
		other.AccountNumber = "999999999999"
		dearer := instruction(7)
		dearer.Amount.Minor++
		for _, in := range []payout.Instruction{other, dearer} {
			if a := j.Pay(t.Context(), in); a.Outcome != payout.Unknown {
				t.Errorf("%+v", a)
			}
			if a := j.Find(t.Context(), in, ""); a.Outcome != payout.Unknown {
				t.Errorf("%+v", a)
			}
		}
		if n, amount := j.Paid(payout.Reference(7)); n != 1 || amount != instruction(7).Amount {
			t.Errorf("the book has %d, %v", n, amount)
		}
	})
}

// The sims are strict: what the pages don't allow is refused, and so not paid.
func TestWhatThePagesDontAllow(t *testing.T) {
	for name, spoil := range map[string]func(*payout.Instruction){
		"ifsc": func(i *payout.Instruction) { i.IFSC = "HDFC1001234" }, "name": func(i *payout.Instruction) { i.AccountName = "" },
		"account": func(i *payout.Instruction) { i.AccountNumber = "12" }, "amount": func(i *payout.Instruction) { i.Amount.Minor = 99 },
	} {
		join(t, sim.PayoutOptions{}, func(t *testing.T, j joined) {
			in := instruction(7)
			spoil(&in)
			a := j.Pay(t.Context(), in)
			if _, known := j.Entry(in.Reference); known || a.Outcome != payout.Unknown || !strings.HasPrefix(a.Reason, "HTTP 400: ") {
				t.Errorf("%s: %+v", name, a)
			}
			if a := j.Find(t.Context(), in, ""); a.Outcome != payout.Absent {
				t.Errorf("%s: find %+v", name, a)
			}
		})
	}
}

// Redirects are followed to nobody, also with a client of the caller's that would.
func TestRedirectIsNotFollowed(t *testing.T) {
	for name, start := range providers {
		elsewhere := 0
		thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
		defer thief.Close()
		j := start(t, sim.PayoutOptions{Now: testkit.NewClock().Now, Key: "k", Secret: "s", WebhookSecret: "w"}, &http.Client{Transport: redirecting(thief.URL)})
		defer j.Close()
		if a := j.Pay(t.Context(), instruction(7)); a.Outcome != payout.Unknown || elsewhere != 0 {
			t.Errorf("%s: %+v, %d requests elsewhere", name, a, elsewhere)
		}
	}
}

type redirecting string

func (to redirecting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), string(to)) {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"Location": {string(to)}}, Body: http.NoBody, Request: r}, nil
}

func secretless(t testing.TB, a payout.Answer) {
	t.Helper()
	if shown := a.RailID + a.UTR + a.Code + a.Reason + string(a.Raw); strings.Contains(shown, "secret-word") {
		t.Errorf("a secret is in %s", shown)
	}
}

// An id that was wrong once and is kept doesn't make a payout failed or absent.
func TestLookUpByAWrongID(t *testing.T) {
	join(t, sim.PayoutOptions{Fault: in(sim.OperationPay, sim.CallWrongID)}, func(t *testing.T, j joined) {
		wrong := j.Pay(t.Context(), instruction(7)).RailID
		right := j.Find(t.Context(), instruction(7), "").RailID
		if wrong == right || right == "" {
			t.Fatalf("the ids are %q and %q", wrong, right)
		}
		if a := j.Find(t.Context(), instruction(7), wrong); a.Outcome != payout.Paid && a.Outcome != payout.Unknown {
			t.Errorf("%+v", a)
		}
	})
}

// A provider that has forgotten a reference pays it anew: nobody may tell it of one for longer than it remembers.
func TestForgottenReference(t *testing.T) {
	const day = 24 * time.Hour
	join(t, sim.PayoutOptions{Forget: 7 * day}, func(t *testing.T, j joined) {
		for _, c := range []struct {
			after time.Duration
			paid  int
		}{{0, 1}, {6 * day, 1}, {2 * day, 2}} {
			j.clock.Advance(c.after)
			j.Pay(t.Context(), instruction(7))
			if n, _ := j.Paid(payout.Reference(7)); n != c.paid {
				t.Errorf("paid %d times, want %d", n, c.paid)
			}
		}
	})
}
