package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/galla-gateway/galla/internal/store"
)

// idBlock is how many ids of a kind are reserved at once, outside the money transactions, so that every id is known
// before a body is built and signed. What a process doesn't use up is lost: ids have gaps. A reservation is a commit of
// its own, so a block must last for many batches.
const idBlock = 10_000

// idKind names a counter in table id_counter.
type idKind string

const (
	idReference  idKind = "reference"
	idEvidence   idKind = "evidence"
	idTransfer   idKind = "transfer"
	idClaim      idKind = "claim"
	idDeposit    idKind = "deposit"
	idEntry      idKind = "entry"
	idTransition idKind = "transition"
	idPostback   idKind = "postback"
	idWithdrawal idKind = "withdrawal"
	idAdjustment idKind = "adjustment"
)

// batchKinds are the kinds that a batch draws from inside its transaction, moneyKinds those of acts outside the batches.
var (
	batchKinds = []idKind{idReference, idEvidence, idTransfer, idClaim, idDeposit, idEntry, idTransition, idPostback}
	moneyKinds = []idKind{idWithdrawal, idAdjustment, idEntry, idTransition, idPostback}
)

// fewBlock is the block of kinds that people meet: their ids are written on bank statements and read out over the phone.
const fewBlock = 100

// errNeedIDs: a batch used up its reserve. It is rolled back, the reserve filled and the batch run again.
var errNeedIDs = errors.New("id reserve used up")

// idBlocks hands out reserved ids.
type idBlocks struct {
	store *store.Store
	size  int64 // of a block
	mu    sync.Mutex
	kinds map[idKind]*idRange
}

type idRange struct{ next, end int64 }

func newIDBlocks(s *store.Store) *idBlocks {
	return &idBlocks{store: s, size: idBlock, kinds: map[idKind]*idRange{}}
}

// drawn is one batch's own share of ids, so that concurrent writers don't meet and a rerun may keep what it has.
type drawn struct {
	blocks *idBlocks
	short  bool
}

func (b *idBlocks) next(kind idKind) (int64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.kinds[kind]
	if r == nil || r.next >= r.end {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

// next draws an id; 0 when the reserve is used up, and the batch must then end with errNeedIDs.
func (d *drawn) next(kind idKind) int64 {
	id, ok := d.blocks.next(kind)
	if !ok {
		d.short = true
	}
	return id
}

// blockOf is how many ids of a kind are reserved at once.
func (b *idBlocks) blockOf(kind idKind) int64 {
	if kind == idWithdrawal || kind == idAdjustment {
		return min(b.size, fewBlock)
	}
	return b.size
}

// fill makes sure that each of the kinds has at least want ids in reserve. It must not run inside a transaction.
func (b *idBlocks) fill(ctx context.Context, want int64, kinds []idKind) error {
	b.mu.Lock()
	var low []idKind
	for _, kind := range kinds {
		if r := b.kinds[kind]; r == nil || r.end-r.next < want {
			low = append(low, kind)
		}
	}
	b.mu.Unlock()
	if len(low) == 0 {
		return nil
	}
	reserved := map[idKind]int64{}
	err := b.store.Write(ctx, func(ctx context.Context, q *store.Queries) error {
		for _, kind := range low {
			next, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: string(kind), Size: max(b.blockOf(kind), want)})
			if err != nil {
				return fmt.Errorf("reserve %s ids: %w", kind, err)
			}
			reserved[kind] = next
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind, next := range reserved {
		b.kinds[kind] = &idRange{next - max(b.blockOf(kind), want), next}
	}
	return nil
}

// reserve takes count consecutive ids of any kind in the given transaction, for verbs outside the batches.
func reserve(ctx context.Context, q *store.Queries, kind string, count int64) (first int64, err error) {
	next, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: kind, Size: count})
	return next - count, err
}
