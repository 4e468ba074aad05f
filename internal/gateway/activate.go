package gateway

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/money"
)

// activate folds one claim: a repeat is answered with the truth, a correction replaces what waits, the rest is judged.
func (b *batch) activate(it *claimItem) error {
	m, ok := b.dir.Merchant(it.MerchantID)
	if !ok {
		return fmt.Errorf("claim of unknown merchant %d", it.MerchantID)
	}
	key := orderKey{it.MerchantID, it.OrderID}
	ref := b.refs[refKey{it.Method.Rail, it.number}] // nil when the shape is wrong
	fresh := &claimState{Claim: deposit.Claim{
		MerchantID: it.MerchantID, OrderID: it.OrderID, Payer: it.Payer, Method: it.Method.Name, Given: it.given,
		Amount: it.Amount, CreatedAt: b.now, DecidedAt: b.now, ExpiresAt: b.now.Add(m.Policy.Window),
	}}
	if ref != nil {
		fresh.ReferenceID = ref.id
	}
	current := b.orders[key]
	it.repeat = current != nil && fresh.SameContent(current.Claim)
	if current != nil {
		done, err := b.knownOrder(it, current, fresh)
		if done || err != nil {
			return err
		}
	}
	return b.judgeFresh(it, current, fresh, ref)
}

// knownOrder is rule 1, the order id is known (invariant C-3). done: the item is answered; else fresh takes current's place.
func (b *batch) knownOrder(it *claimItem, current, fresh *claimState) (done bool, err error) {
	same := fresh.SameContent(current.Claim)
	expired := current.State == deposit.Expired || current.ExpiredAt(b.now)
	switch {
	case same && (current.State == deposit.Accepted || current.State == deposit.Held || (current.State == deposit.Waiting && !expired)):
		it.result = b.dir.truth(current)
		return true, nil
	case same && current.State == deposit.Refused && current.Reason == deposit.ReasonPerson:
		it.result = b.dir.truth(current)
		return true, nil
	case current.State == deposit.Refused, expired:
		fresh.Corrections = current.Corrections
		return false, nil // a fail never uses up an order id
	case current.State == deposit.Waiting && fresh.Corrects(current.Claim):
		if fresh.ReferenceID == 0 {
			it.result = ClaimResult{State: deposit.Refused, Reason: deposit.ReasonShape, Hint: it.hint, Message: it.hint.Message}
			return true, nil // a typo: what waits goes on waiting
		}
		if current.Corrections >= deposit.MaxCorrections {
			it.result = ClaimResult{State: deposit.Refused, Reason: deposit.ReasonCorrected, Message: MessageCorrections}
			return true, nil
		}
		fresh.Corrections = current.Corrections + 1
		return false, nil
	}
	it.result = ClaimResult{State: deposit.Refused, Reason: deposit.ReasonCorrected, Message: MessageOrderUsed}
	return true, nil
}

// judgeFresh judges a new claim and stores it in the place of the order's current one.
func (b *batch) judgeFresh(it *claimItem, current, fresh *claimState, ref *refState) error {
	verdict, facts := deposit.JudgeShape(), deposit.Facts{Now: b.now, Claim: fresh.Claim}
	if ref != nil {
		var err error
		if verdict, facts, err = b.judgeInPlaceOf(current, fresh, ref); err != nil {
			return err
		}
	}
	if current != nil && fresh.SameContent(current.Claim) && b.answersAsBefore(it, current, verdict) {
		return nil
	}
	fresh.ID = deposit.ClaimID(b.ids.next(idClaim))
	b.byID[fresh.ID] = fresh
	if current != nil {
		if err := b.supersede(current, fresh.ID, b.correctionOf(it)); err != nil {
			return err
		}
	}
	b.orders[orderKey{fresh.MerchantID, fresh.OrderID}] = fresh
	b.out.newClaims = append(b.out.newClaims, fresh)
	if ref != nil {
		ref.claims = append(ref.claims, fresh)
	}
	if err := b.apply(fresh, ref, verdict, facts, actorRules); err != nil {
		return err
	}
	it.result = b.dir.truth(fresh)
	if verdict.Reason == deposit.ReasonShape {
		it.result.Hint, it.result.Message = it.hint, it.hint.Message
	}
	return nil
}

// judgeInPlaceOf judges fresh as if the claim that it replaces, if any, were gone.
func (b *batch) judgeInPlaceOf(current, fresh *claimState, ref *refState) (deposit.Verdict, deposit.Facts, error) {
	if current == nil {
		return b.judge(fresh, ref)
	}
	payer, kept := payerKey{fresh.MerchantID, fresh.Payer}, ref.claims
	if current.State == deposit.Waiting && !current.ExpiredAt(b.now) {
		b.waiting[payer]--
		defer func() { b.waiting[payer]++ }()
	}
	ref.claims = nil
	for _, c := range kept {
		if c != current || c.Reason == deposit.ReasonMismatch { // a wrong amount counts for ever
			ref.claims = append(ref.claims, c)
		}
	}
	defer func() { ref.claims = kept }()
	return b.judge(fresh, ref)
}

// answersAsBefore answers a repeat of a refused or expired claim that nothing new speaks for. A refused one that is
// refused again isn't stored again. An expired one is told once; repeated after that, it waits anew. A payer at the window
// has been told by the page on which the number is sent again.
func (b *batch) answersAsBefore(it *claimItem, current *claimState, verdict deposit.Verdict) bool {
	switch {
	case current.State == deposit.Refused && verdict.Decision == deposit.Refuse:
		it.result = ClaimResult{ClaimID: current.ID, State: deposit.Refused, Reason: verdict.Reason, Message: failMessage(verdict.Reason)}
		if verdict.Reason == deposit.ReasonShape {
			it.result.Hint, it.result.Message = it.hint, it.hint.Message
		}
		return true
	case (current.State == deposit.Expired || current.State == deposit.Waiting) && verdict.Decision == deposit.Wait && !current.Told && !it.From.IsValid():
		current.Told = true
		if current.State == deposit.Waiting {
			b.moveClaim(current, deposit.Expired, deposit.ReasonExpired, false, "", actorRules)
		}
		b.changeClaim(current)
		it.result = b.dir.truth(current)
		return true
	}
	return false
}

// correctionOf tells who could have made a correction: the merchant's own server and a signed link are the merchant's word.
func (b *batch) correctionOf(it *claimItem) deposit.Reason {
	if m, ok := b.dir.Merchant(it.MerchantID); it.From.IsValid() && ok && !m.Policy.SignedLinks {
		return deposit.ReasonCorrectedOpenly
	}
	return deposit.ReasonCorrected
}

// supersede takes the place of the order's current claim. What waited is withdrawn for this reason, and kept.
func (b *batch) supersede(current *claimState, by deposit.ClaimID, reason deposit.Reason) error {
	switch {
	case current.ExpiredAt(b.now):
		b.moveClaim(current, deposit.Expired, deposit.ReasonExpired, false, "", actorRules)
	case current.State == deposit.Waiting:
		b.moveClaim(current, deposit.Withdrawn, reason, false, "", actorRules)
	}
	current.supersededBy = by
	b.changeClaim(current)
	return nil
}

// apply carries out a verdict.
func (b *batch) apply(c *claimState, ref *refState, v deposit.Verdict, f deposit.Facts, actor string) error {
	b.g.counters.countVerdict(v.Decision)
	if v.Decision == deposit.Accept {
		return b.accept(c, ref, factsText(v, f), v.Reason, actor)
	}
	to := v.Decision.State()
	if c.State == deposit.Held && to == deposit.Waiting {
		to, v.UntilEvidence = deposit.Held, true // a hold never falls back to waiting, but its money may still come
	}
	if c.State != to || c.Reason != v.Reason || c.UntilEvidence != v.UntilEvidence {
		b.moveClaim(c, to, v.Reason, v.UntilEvidence, factsText(v, f), actor)
	}
	if v.Reason == deposit.ReasonContested {
		b.holdOthers(c, ref)
	}
	return nil
}

// holdOthers is the other half of rule 5: what another payer's claim contests is held as well.
func (b *batch) holdOthers(c *claimState, ref *refState) {
	for _, other := range ref.claims {
		if other.State == deposit.Waiting && !other.ExpiredAt(b.now) && !other.SamePayer(c.Claim) {
			b.moveClaim(other, deposit.Held, deposit.ReasonContested, false, "", actorRules)
		}
	}
}

// accept credits a claim: it takes the transfer, writes deposit, ledger entry and postback, and refuses the other
// claims on the reference, all in this transaction (invariants C-1, C-2, P-1).
func (b *batch) accept(c *claimState, ref *refState, facts string, reason deposit.Reason, actor string) error {
	m, ok := b.dir.Merchant(c.MerchantID)
	if !ok {
		return fmt.Errorf("claim of unknown merchant %d", c.MerchantID)
	}
	taken := ref.transfer.Transfer
	amount := deposit.CreditedAmount(taken)
	fee, err := ledger.Fee(amount, m.Policy.Fee(c.Method))
	if err != nil {
		return err
	}
	taken.State = deposit.Credited
	if err := b.moveTransfer(ref, taken, actor, string(reason)); err != nil {
		return err
	}
	id := b.ids.next(idDeposit)
	b.out.deposits = append(b.out.deposits, depositRow{
		ID: id, ClaimID: int64(c.ID), TransferID: int64(taken.ID), MerchantID: int64(m.ID), Amount: amount.Minor, Fee: fee.Minor,
		Currency: string(amount.Currency), CreatedAt: b.now.UnixMicro(),
	})
	if err := b.post(ledger.DepositCredited(id, position(taken), m.ID, fee)); err != nil {
		return err
	}
	b.credits = append(b.credits, credit{m.ID, c.Payer, amount})
	c.credited = amount
	b.moveClaim(c, deposit.Accepted, reason, false, facts, actor)
	for _, other := range ref.claims {
		if other != c && other.Live() {
			b.moveClaim(other, deposit.Refused, deposit.ReasonOtherAccepted, false, "", actor)
		}
	}
	return b.tell(m, c, ref, id, amount)
}

// tell writes the postback of a credit with its final bytes.
func (b *batch) tell(m *Merchant, c *claimState, ref *refState, depositID int64, amount money.Money) error {
	at := galla.FormatTime(b.now, m.Zone)
	p := galla.Postback{
		WalletType: c.Method, Amount: amount, Label: c.Payer, Direction: galla.DirectionDeposit, CreatedDatetime: at,
		Data: galla.PostbackData{
			ActivatedDatetime: at, ExchangerIdentifier: ref.transfer.Payer, StockpilingID: depositID,
			TransactionID: ref.key.number, PluginCustomOrderID: c.OrderID,
		},
	}
	converted, err := b.dir.converted(amount)
	if err != nil {
		return err
	}
	p.Converted = converted
	return b.addPostback(m, PostbackDeposit, depositID, p)
}

// addPostback signs a postback and adds it to what is saved.
func (b *batch) addPostback(m *Merchant, kind PostbackKind, subject int64, p galla.Postback) error {
	webhookID, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("webhook id: %w", err)
	}
	body := p.AppendBody(nil, m.AccessKey, m.postbackKey.Reveal())
	b.out.postbacks = append(b.out.postbacks, postbackRow{
		ID: b.ids.next(idPostback), MerchantID: int64(m.ID), Kind: string(kind), SubjectID: subject, WebhookID: webhookPrefix + webhookID.String(),
		Packed: hex.EncodeToString(postback.Pack(body)), NextAt: b.now.UnixMicro(), CreatedAt: b.now.UnixMicro(), body: body,
	})
	return nil
}

// quoteCurrency is what converted_amount is told in: the original's base currency.
const quoteCurrency money.Currency = "INR"

// converted is the amount in rupees for postbacks in other currencies; zero when it isn't told or no rate is set.
func (d *Directory) converted(amount money.Money) (money.Money, error) {
	if amount.Currency == quoteCurrency {
		return money.Money{}, nil
	}
	rate, ok := d.rates[[2]money.Currency{amount.Currency, quoteCurrency}]
	if !ok {
		return money.Money{}, nil
	}
	return rate.Convert(amount, quoteCurrency)
}

// post adds one entry's postings, and their deltas to the balances.
func (b *batch) post(postings []ledger.Posting) error {
	if len(postings) == 0 {
		return nil
	}
	entry := b.ids.next(idEntry)
	for line, p := range postings {
		source, ok1 := b.dir.ledger[p.Source]
		destination, ok2 := b.dir.ledger[p.Destination]
		if !ok1 || !ok2 {
			return errMissingLedgerAccount
		}
		event := p.EventID
		if p.Kind == ledger.EventTransferRevised {
			event = entry // a transfer may be revised often: each revision is an event of its own
		}
		b.out.postings = append(b.out.postings, postingRow{
			EntryID: entry, Line: line, Kind: string(p.Kind), EventID: event, SourceID: source, DestinationID: destination,
			Amount: p.Amount.Minor, Currency: string(p.Amount.Currency), At: b.now.UnixMicro(),
		})
		b.delta(source, entry, -p.Amount.Minor)
		b.delta(destination, entry, p.Amount.Minor)
	}
	return nil
}

// delta sums a batch's changes of one ledger account into one row, named by the first entry.
func (b *batch) delta(account, entry, amount int64) {
	row := b.deltas[account]
	if row == nil {
		row = &deltaRow{AccountID: account, EntryID: entry}
		b.deltas[account] = row
	}
	row.Amount += amount
}

// bankDay is the day of the receiving accounts' banks: India's, whatever the merchant's zone.
func bankDay(t time.Time, zone *time.Location) (from, until time.Time) {
	local := t.In(zone)
	from = time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	return from, from.AddDate(0, 0, 1)
}
