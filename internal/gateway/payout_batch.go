package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/payout/bankfile"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

const (
	// DefaultBatch is how many payouts go into one file when nobody says otherwise. They become submitted in one
	// transaction, for which all other writers wait.
	DefaultBatch = 1000
	// exportPage is how many withdrawals are listed at once, mostLeftOut how many of those that are left out are told of.
	exportPage  = 1000
	mostLeftOut = 1000
	// accountDigits bound what a debited account is.
	fewestAccountDigits, mostAccountDigits = 9, 18
)

// PayoutBatch is a file of payouts that was made for a bank.
type PayoutBatch struct {
	ID       int64
	Rail     string
	Kind     bankfile.Kind
	Payments int64
	Total    money.Money
	SHA256   string // of File, in hexadecimal digits
	File     []byte
	LeftOut  []LeftOut
}

// Name is what the bank is told, and what the file is called: GB and eight digits.
func (p PayoutBatch) Name() string { return fmt.Sprintf("GB%08d", p.ID) }

func batchSubject(id int64) string { return "payout_batch:" + strconv.FormatInt(id, 10) }

// LeftOut is an approved withdrawal that isn't in the file, and why.
type LeftOut struct {
	ID     withdrawal.ID
	Reason string
}

// bankFile is the rail of that name with its template, as long as it is one of files.
func (d *Directory) bankFile(name string) (Rail, bankfile.Template, error) {
	r, ok := d.rails[name]
	switch {
	case !ok:
		return r, bankfile.Template{}, refuse(CodeNotFound, "no rail %q: galla rail list shows them", name)
	case r.Kind != RailBankFile:
		return r, bankfile.Template{}, refuse(CodeConflict, "rail %s is %s: no files are made for it", name, r.Kind)
	}
	t, err := r.template()
	return r, t, err
}

func (s RailSettings) template() (bankfile.Template, error) {
	if strings.HasPrefix(strings.TrimSpace(s.Template), "{") {
		return bankfile.ReadTemplate(strings.NewReader(s.Template))
	}
	t, ok := bankfile.Lookup(s.Template)
	if !ok {
		return t, fmt.Errorf("template: there is none called %.40q: galla rail template shows them", s.Template)
	}
	return t, nil
}

// TemplateName is the name of the template of a bank's files, "" when it has none that can be read.
func (s RailSettings) TemplateName() string {
	t, err := s.template()
	if err != nil {
		return ""
	}
	return t.Name
}

// CheckBankFile reports what is missing or wrong in the settings of a rail of files.
func CheckBankFile(r Rail) error {
	t, err := r.template()
	if err != nil {
		return err
	}
	_, err = r.fileKind(t)
	switch digits := len(r.Account); {
	case err != nil:
		return err
	case digits < fewestAccountDigits || digits > mostAccountDigits || strings.Trim(r.Account, "0123456789") != "":
		return fmt.Errorf("account: expected the %d to %d digits of the account that pays", fewestAccountDigits, mostAccountDigits)
	case r.KeyID != "" || r.Secret.Reveal() != "" || r.WebhookSecret.Reveal() != "" || r.BaseURL != "":
		return errors.New("a rail of files has only template, account and file")
	}
	return nil
}

// fileKind is the kind of the files that go to the bank.
func (s RailSettings) fileKind(t bankfile.Template) (bankfile.Kind, error) {
	for _, kind := range t.Upload.Kinds {
		if s.File == "" || s.File == string(kind) {
			return kind, nil
		}
	}
	return "", fmt.Errorf("file: template %s has no %.20q, only %v", t.Name, s.File, t.Upload.Kinds)
}

// ExportPayouts makes a file of at most that many approved withdrawals of a rail, oldest first, to be paid on that day in India.
// They are submitted with it: in one transaction, before anybody has the file (invariant W-5), and never in another one. No
// payments: nothing waits, or all was left out.
func (g *Gateway) ExportPayouts(ctx context.Context, by Operator, name string, most int, day time.Time) (PayoutBatch, error) {
	if most < 1 || most > bankfile.MaxBatch {
		return PayoutBatch{}, refuse(CodeInvalid, "a file has 1 to %d payments", bankfile.MaxBatch)
	}
	var made PayoutBatch
	err := g.moveMuch(ctx, int64(most), func(b *batch) error {
		made = PayoutBatch{Rail: name}
		r, t, err := b.dir.bankFile(name)
		switch {
		case err != nil:
			return err
		case b.dir.Recovery:
			return refuse(CodeConflict, "the installation is in recovery: nobody knows here what was paid since the backup")
		case b.dir.Stopped:
			return refuse(CodeConflict, moneyStopped)
		case r.State == RailPaused:
			return refuse(CodeConflict, "rail %s is paused: galla rail resume %s", name, name)
		}
		rows, err := b.exportable(name, most, t, &made)
		if err != nil || len(rows) == 0 {
			return err
		}
		if made.Kind, err = r.fileKind(t); err != nil {
			return err
		}
		return b.exportRows(by, r, t, rows, day, &made)
	})
	return made, err
}

// exportable locks and returns the withdrawals that go into the file; made gets those that are left out.
func (b *batch) exportable(name string, most int, t bankfile.Template, made *PayoutBatch) ([]store.Withdrawal, error) {
	var rows []store.Withdrawal
	var items []payout.Instruction
	most = min(most, t.Upload.MaxRows)
	for after := int64(0); ; {
		ids, err := b.q.ListApprovedOf(b.ctx, store.ListApprovedOfParams{Rail: name, After: after, Rows: exportPage})
		if err != nil {
			return nil, fmt.Errorf("list approved withdrawals: %w", err)
		}
		for _, id := range ids {
			row, err := b.q.LockWithdrawal(b.ctx, id)
			if err != nil {
				return nil, fmt.Errorf("read withdrawal: %w", err)
			}
			if withdrawal.State(row.State) != withdrawal.Approved {
				continue // it moved since it was listed
			}
			why, err := b.leftOut(&row, t)
			if err != nil {
				return nil, err
			}
			if why != "" {
				if len(made.LeftOut) < mostLeftOut {
					made.LeftOut = append(made.LeftOut, LeftOut{withdrawal.ID(id), why})
				}
				continue
			}
			rows, items = append(rows, row), append(items, instructionOf(row))
			if len(rows) == most {
				return rows[:t.Room(items)], nil
			}
		}
		if len(ids) < exportPage {
			return rows[:t.Room(items)], nil
		}
		after = ids[len(ids)-1]
	}
}

// leftOut says why an approved withdrawal isn't paid by a file now, "" when it is.
func (b *batch) leftOut(row *store.Withdrawal, t bankfile.Template) (why string, err error) {
	enough, err := b.approvedEnough(row)
	if err != nil {
		return "", err
	}
	if err := b.intact(row); err != nil {
		return err.Error(), nil
	}
	if err := t.Fits(instructionOf(*row)); err != nil {
		return err.Error(), nil
	}
	if !enough {
		return fmt.Sprintf("who approved it has left: galla withdrawal approve %d", row.ID), nil
	}
	return b.onHold(row), nil
}

// exportRows submits the withdrawals and stores their file.
func (b *batch) exportRows(by Operator, r Rail, t bankfile.Template, rows []store.Withdrawal, day time.Time, made *PayoutBatch) error {
	var err error
	if made.ID, err = reserve(b.ctx, b.q, "payout_batch", 1); err != nil {
		return fmt.Errorf("reserve batch: %w", err)
	}
	content := bankfile.Batch{ID: made.Name(), Debit: r.Account, ValueDate: day}
	made.Total = money.Money{Currency: money.INR}
	for i := range rows {
		item := instructionOf(rows[i])
		if made.Total, err = made.Total.Add(item.Amount); err != nil {
			return err
		}
		content.Items = append(content.Items, item)
	}
	var file bytes.Buffer
	if err := t.Write(&file, made.Kind, content); err != nil {
		return err
	}
	sum := sha256.Sum256(file.Bytes())
	made.Payments, made.File, made.SHA256 = int64(len(rows)), file.Bytes(), hex.EncodeToString(sum[:])
	err = b.q.InsertPayoutBatch(b.ctx, store.InsertPayoutBatchParams{
		ID: made.ID, Rail: r.Name, Kind: string(made.Kind), Payments: made.Payments, Total: made.Total.Minor, Currency: string(made.Total.Currency),
		File: made.File, Sha256: sum[:], MadeBy: by.ID, MadeAt: b.now.UnixMicro(),
	})
	if err != nil {
		return fmt.Errorf("store batch: %w", err)
	}
	for i := range rows {
		row := &rows[i]
		b.lease, row.NextAt = row.Lease, sql.NullInt64{}
		if err := b.moveWithdrawal(row, withdrawal.Submitted, by.actor(), "in file "+made.Name()); err != nil {
			return err
		}
		err := b.q.InsertPayoutBatchItem(b.ctx, store.InsertPayoutBatchItemParams{WithdrawalID: row.ID, BatchID: made.ID, Place: int64(i + 1)})
		if err != nil {
			return fmt.Errorf("store payment of batch: %w", err)
		}
	}
	return b.audit(by.actor(), "payout_batch.exported", batchSubject(made.ID), fmt.Sprintf("%s %d %s %s", r.Name, made.Payments, made.Total, made.SHA256))
}

// ExportedPayouts gives a file out once more, with the bytes that it had, as long as nothing has become of any of its payments.
// That is kept with each of them: who uploads a file twice may pay twice, and what then fails isn't certain for anybody but people.
func (g *Gateway) ExportedPayouts(ctx context.Context, by Operator, id int64) (PayoutBatch, error) {
	var made PayoutBatch
	err := g.moveMoney(ctx, func(b *batch) error {
		row, err := b.q.GetPayoutBatch(b.ctx, id)
		if isNoRows(err) {
			return refuse(CodeNotFound, "no batch %d: galla withdrawal batches shows them", id)
		}
		if err != nil {
			return fmt.Errorf("read batch: %w", err)
		}
		made = PayoutBatch{
			ID: row.ID, Rail: row.Rail, Kind: bankfile.Kind(row.Kind), Payments: row.Payments,
			Total: money.Money{Minor: row.Total, Currency: money.Currency(row.Currency)}, SHA256: hex.EncodeToString(row.Sha256), File: row.File,
		}
		if sum := sha256.Sum256(row.File); !bytes.Equal(sum[:], row.Sha256) {
			return fmt.Errorf("batch %d was changed after it was stored: its file isn't given out", id)
		}
		if err := b.noteGivenOut(by, row); err != nil {
			return err
		}
		return b.audit(by.actor(), "payout_batch.exported_again", batchSubject(id), made.SHA256)
	})
	return made, err
}

// noteGivenOut keeps with each payment of a batch that its file was given out again, unless the file is of no use any more.
func (b *batch) noteGivenOut(by Operator, batch store.PayoutBatch) error {
	moved, err := b.q.CountBatchMoved(b.ctx, batch.ID)
	switch {
	case err != nil:
		return fmt.Errorf("look at the payments of batch %d: %w", batch.ID, err)
	case b.dir.Recovery:
		return refuse(CodeConflict, "the installation is in recovery: nobody knows here what was paid since the backup")
	case b.dir.Stopped:
		return refuse(CodeConflict, moneyStopped)
	case moved > 0:
		return refuse(CodeConflict, "of batch %d %d payments have moved on since its file was made: it isn't given out any more, and mustn't be uploaded", batch.ID, moved)
	}
	open, err := b.q.ListBatchSubmitted(b.ctx, batch.ID)
	if err != nil {
		return fmt.Errorf("list payments of batch: %w", err)
	}
	for _, id := range open {
		again := payout.Answer{Outcome: payout.Absent, Code: "given_out_again", Reason: "its file was given out once more"}
		if err := b.keepAnswer(&store.Withdrawal{ID: id}, by.actor(), again); err != nil {
			return err
		}
	}
	return nil
}

// neverUploaded refuses to speak of a batch as never uploaded once its bank has said anything.
func neverUploaded(ctx context.Context, q *store.Queries, id int64) error {
	answered, err := q.CountBatchAnswered(ctx, id)
	if err != nil {
		return fmt.Errorf("count answers of batch: %w", err)
	}
	if answered > 0 {
		return refuse(CodeConflict, "of %d payments of batch %d the bank has spoken: its file was uploaded. Resolve payments one by one", answered, id)
	}
	return nil
}

// DiscardBatch is a person's word that a file was never uploaded, payment by payment. As with every payout that may have
// left, a second person must say the same; then the money is the merchants' again. proposed and ended are payments.
func (g *Gateway) DiscardBatch(ctx context.Context, by Operator, id int64, proof string) (proposed, ended int, err error) {
	q := g.store.Read()
	if _, err := q.GetPayoutBatch(ctx, id); isNoRows(err) {
		return 0, 0, refuse(CodeNotFound, "no batch %d: galla withdrawal batches shows them", id)
	} else if err != nil {
		return 0, 0, fmt.Errorf("read batch: %w", err)
	}
	if err := neverUploaded(ctx, q, id); err != nil {
		return 0, 0, err
	}
	open, err := q.ListBatchSubmitted(ctx, id)
	if err != nil {
		return 0, 0, fmt.Errorf("list payments of batch: %w", err)
	}
	if len(open) == 0 {
		return 0, 0, refuse(CodeConflict, "no payment of batch %d is open", id)
	}
	for _, w := range open {
		done, err := g.ResolveWithdrawal(ctx, by, withdrawal.ID(w), Resolution{Proof: proof, batch: id})
		switch {
		case err != nil:
			return proposed, ended, fmt.Errorf("after %d of %d payments, say it again to go on: %w", proposed+ended, len(open), err)
		case done:
			ended++
		default:
			proposed++
		}
	}
	return proposed, ended, nil
}
