package gateway

import (
	"container/list"
	"slices"
	"time"
)

// Limits for each hour that ends now. A wrong claim names a number without being credited; a repeat of
// a stored claim and a number of the wrong shape tell a guesser nothing and don't count.
const (
	// MaxWrongOfPayer bounds the wrong claims of one payer (merchant and label).
	MaxWrongOfPayer = 20
	// MaxWrongOfOrder bounds those of one order that come through the payment window.
	MaxWrongOfOrder = 5
	// MaxWrongFrom bounds those of one address that come through the payment window.
	MaxWrongFrom = 60

	// MaxNewOffersTo bounds the wallets that one address is newly shown through links that nobody signed. Each is kept for
	// ever; whole mobile networks share an address.
	MaxNewOffersTo = 600

	// attemptWindow is how long a wrong claim counts.
	attemptWindow = time.Hour
	// attemptKeys bounds how many payers, orders and addresses are remembered, each. The ones whose last wrong claim is
	// the oldest are forgotten first: to make it forget, one must be wrong very often, from very many addresses.
	attemptKeys = 50_000
)

// tallies counts the wrong claims of each key, and the claims of it that aren't decided yet. It knows no clock and no
// lock: see budget.
type tallies[K comparable] struct {
	limit int // wrong claims in attemptWindow
	size  int // keys with wrong claims
	byKey map[K]*wrongs[K]
	order list.List // of *wrongs with wrong claims, the one whose last is the oldest in front
}

type wrongs[K comparable] struct {
	key   K
	wrong []time.Time   // in order of time, at most limit
	open  int           // claims that are being decided
	place *list.Element // in order; nil without wrong claims
}

func newTallies[K comparable](limit, size int) *tallies[K] {
	return &tallies[K]{limit: limit, size: size, byKey: map[K]*wrongs[K]{}}
}

// full reports whether the key has used its budget up, and when there is some again.
func (t *tallies[K]) full(key K, now time.Time) (again time.Time, full bool) {
	one := t.byKey[key]
	if one == nil {
		return time.Time{}, false
	}
	t.expire(one, now)
	if len(one.wrong) < t.limit {
		return time.Time{}, false
	}
	return one.wrong[0].Add(attemptWindow), true
}

// taken reports whether the claims that are being decided would use the budget up if they were all wrong.
func (t *tallies[K]) taken(key K) bool {
	one := t.byKey[key]
	return one != nil && one.open > 0 && len(one.wrong)+one.open >= t.limit
}

// enter notes that a claim of the key is being decided.
func (t *tallies[K]) enter(key K) {
	one := t.byKey[key]
	if one == nil {
		one = &wrongs[K]{key: key}
		t.byKey[key] = one
	}
	one.open++
}

// leave notes that a claim which entered is decided.
func (t *tallies[K]) leave(key K, wrong bool, now time.Time) {
	one := t.byKey[key]
	one.open--
	if !wrong {
		t.drop(one)
		return
	}
	t.expire(one, now)
	one.wrong = append(one.wrong, now)
	if one.place == nil {
		one.place = t.order.PushBack(one)
	} else {
		t.order.MoveToBack(one.place)
	}
	for front := t.order.Front(); front != nil; front = t.order.Front() {
		oldest := front.Value.(*wrongs[K])
		last := oldest.wrong[len(oldest.wrong)-1]
		if t.order.Len() <= t.size && now.Before(last.Add(attemptWindow)) {
			return
		}
		t.forget(oldest)
	}
}

// forgive takes away one wrong claim of a time.
func (t *tallies[K]) forgive(key K, at time.Time) {
	one := t.byKey[key]
	if one == nil {
		return
	}
	i := slices.IndexFunc(one.wrong, at.Equal)
	if i < 0 {
		return
	}
	if one.wrong = slices.Delete(one.wrong, i, i+1); len(one.wrong) == 0 {
		t.forget(one)
	}
}

// expire takes the wrong claims away that don't count any more.
func (t *tallies[K]) expire(one *wrongs[K], now time.Time) {
	over := 0
	for over < len(one.wrong) && !now.Before(one.wrong[over].Add(attemptWindow)) {
		over++
	}
	if over == 0 {
		return
	}
	if one.wrong = one.wrong[over:]; len(one.wrong) == 0 {
		t.forget(one)
	}
}

func (t *tallies[K]) forget(one *wrongs[K]) {
	if one.wrong = nil; one.place != nil {
		t.order.Remove(one.place)
		one.place = nil
	}
	t.drop(one)
}

// drop lets go of a key of which nothing is known.
func (t *tallies[K]) drop(one *wrongs[K]) {
	if one.open == 0 && len(one.wrong) == 0 {
		delete(t.byKey, one.key)
	}
}
