package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

// noToken is the token of sources that send nothing over the network.
const noToken keyring.Secret = ""

// StatementSource returns the source of the bank statements of a wallet's account, which it adds when missing. It is one
// per account, not per wallet: fingerprints name the source, so a file is known again whichever wallet it is imported for.
func (g *Gateway) StatementSource(ctx context.Context, id wallet.ID) (int64, error) {
	var source int64
	entry := auditEntry{act: actSourceAdded}
	err := g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) (err error) {
		if source, err = findStatementSource(ctx, q, id); err != nil || source != 0 {
			entry.act = "" // nothing is changed
			return err
		}
		source, err = g.insertSource(ctx, q, id, KindStatement, noToken)
		entry.act, entry.subject, entry.detail = actSourceAdded, sourceSubject(source), string(KindStatement)
		return err
	})
	return source, err
}

// findStatementSource is 0 when the wallet's account has none yet.
func findStatementSource(ctx context.Context, q *store.Queries, id wallet.ID) (int64, error) {
	w, err := getWallet(ctx, q, id)
	if err != nil {
		return 0, err
	}
	sources, err := q.ListSources(ctx)
	if err != nil {
		return 0, fmt.Errorf("list sources: %w", err)
	}
	for _, s := range sources {
		switch {
		case s.AccountID != w.AccountID || s.Kind != string(KindStatement) || s.State == SourceRetired:
		case s.State == SourcePaused:
			return 0, refuse(CodeConflict, "source %d takes the statements of wallet %d and is paused: galla source resume %d", s.ID, id, s.ID)
		default:
			return s.ID, nil
		}
	}
	return 0, nil
}

// ImportEvidence is Observe for a command that runs long: what other commands change meanwhile holds from the next call on.
func (g *Gateway) ImportEvidence(ctx context.Context, items []EvidenceItem) ([]EvidenceResult, error) {
	if err := g.refresh(ctx); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return g.Observe(ctx, items)
}

// Preview is a dry run: it tells what Observe would answer, and stores nothing. It remembers what it was shown.
type Preview struct {
	g *Gateway
	// Source of the statements, 0 when it would be added.
	Source int64
	known  map[[32]byte]store.LoadEvidenceRow
	seen   map[refKey]deposit.Transfer
}

// NewPreview begins the dry run of a statement of a wallet's account.
func (g *Gateway) NewPreview(ctx context.Context, id wallet.ID) (*Preview, error) {
	source, err := findStatementSource(ctx, g.store.Read(), id)
	if err != nil {
		return nil, err
	}
	return &Preview{g: g, Source: source, known: map[[32]byte]store.LoadEvidenceRow{}, seen: map[refKey]deposit.Transfer{}}, nil
}

// Observe answers as Gateway.Observe would, but for the ids of what isn't stored.
func (p *Preview) Observe(ctx context.Context, items []EvidenceItem) ([]EvidenceResult, error) {
	if err := errors.Join(p.loadEvidence(ctx, items), p.loadTransfers(ctx, items)); err != nil {
		return nil, err
	}
	results := make([]EvidenceResult, len(items))
	for i := range items {
		item := p.g.Directory().inItsWorld(items[i])
		if known, ok := p.known[item.Fingerprint]; ok {
			results[i] = repeated(&evidenceItem{EvidenceItem: item, id: neverStored}, known)
			continue
		}
		results[i] = p.observe(item)
		p.known[item.Fingerprint] = store.LoadEvidenceRow{Outcome: string(results[i].Status), Reason: string(results[i].Reason)}
	}
	return results, nil
}

// neverStored is the id of no piece of evidence.
const neverStored = -1

func (p *Preview) observe(item EvidenceItem) EvidenceResult {
	key := refKey{item.Rail, item.Number}
	before := p.seen[key]
	switch item.Outcome {
	case evidence.Credit:
	case evidence.Reversal:
		if foreign(before, item) {
			return EvidenceResult{Status: EvidenceRefused, Reason: reasonConflict}
		}
		return EvidenceResult{Status: EvidenceRefused, Reason: item.Reason}
	case evidence.Unparsed:
		return EvidenceResult{Status: EvidenceUnparsed, Reason: item.Reason}
	default:
		return EvidenceResult{Status: EvidenceRefused, Reason: item.Reason}
	}
	p.seen[key] = before.Apply(evidence.Fact{Amount: item.Amount, AccountID: int64(item.AccountID), Strength: item.Strength}, p.g.now())
	if before.State == deposit.TransferNew {
		return EvidenceResult{Status: EvidenceCreated, Reference: item.Number, Amount: item.Amount}
	}
	status, reason := confirms(before, item)
	if status == EvidenceRefused {
		return EvidenceResult{Status: status, Reason: reason}
	}
	return EvidenceResult{Status: status, TransferID: before.ID, Reference: item.Number, Amount: item.Amount}
}

func (p *Preview) loadEvidence(ctx context.Context, items []EvidenceItem) error {
	prints := make([]fingerprintRow, len(items))
	for i := range items {
		prints[i] = fingerprintRow{hexText(items[i].Fingerprint[:])}
	}
	rows, err := p.g.store.Read().LoadEvidence(ctx, store.Rows(prints))
	if err != nil {
		return fmt.Errorf("load evidence: %w", err)
	}
	for _, row := range rows {
		p.known[[32]byte(row.Fingerprint)] = row
	}
	return nil
}

// loadTransfers reads the stored transfers on the items' references.
func (p *Preview) loadTransfers(ctx context.Context, items []EvidenceItem) error {
	wanted := []referenceRow{}
	for i := range items {
		item := p.g.Directory().inItsWorld(items[i])
		key := refKey{item.Rail, item.Number}
		if _, known := p.seen[key]; !known && (item.Outcome == evidence.Credit || item.Outcome == evidence.Reversal) {
			wanted = append(wanted, referenceRow{Rail: int(key.rail), Number: key.number})
		}
	}
	references, err := p.g.store.Read().FindReferences(ctx, store.Rows(wanted))
	if err != nil {
		return fmt.Errorf("find references: %w", err)
	}
	keys, ids := map[int64]refKey{}, []idRow{}
	for _, r := range references {
		keys[r.ID] = refKey{method.Rail(r.Rail), r.Number}
	}
	for id := range keys {
		ids = append(ids, idRow{id})
	}
	transfers, err := p.g.store.Read().LoadTransfers(ctx, store.Rows(ids))
	if err != nil {
		return fmt.Errorf("load transfers: %w", err)
	}
	for _, row := range transfers {
		p.seen[keys[row.ReferenceID]] = transferOf(row)
	}
	return nil
}
