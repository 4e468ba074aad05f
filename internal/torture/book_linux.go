package torture

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/galla-gateway/galla/internal/oracle"
)

// book is what was asked and answered and what the world saw. No fault reaches it. Each entry is also a line of a file, for whoever
// looks for the cause of a loss.
type book struct {
	mu   sync.Mutex
	told oracle.Told
	seen oracle.Seen
	file *os.File
	err  error // of the file
}

func newBook(path string) (*book, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("book: %w", err)
	}
	return &book{file: f}, nil
}

// note appends an entry to the file. It is called with the lock held.
func (b *book) note(entry any) {
	line, err := json.Marshal(entry)
	if err == nil {
		_, err = b.file.Write(append(line, '\n'))
	}
	if b.err == nil {
		b.err = err
	}
}

// ask enters requests in their list before they are sent.
func ask[T any](b *book, list *[]T, requests ...T) (first int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, requests...)
	return len(*list) - len(requests)
}

// askClaim enters a request before it is sent; answerClaim enters its answer.
func (b *book) askClaim(c oracle.ToldClaim) (entry int) { return ask(b, &b.told.Claims, c) }

func (b *book) answerClaim(entry int, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told.Claims[entry].Answer = answer
	b.note(b.told.Claims[entry])
}

func (b *book) askEvidence(items ...oracle.ToldEvidence) (first int) {
	return ask(b, &b.told.Evidence, items...)
}

func (b *book) answerEvidence(entry int, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told.Evidence[entry].Answer = answer
	b.note(b.told.Evidence[entry])
}

func (b *book) askWithdrawal(t oracle.ToldWithdrawal) (entry int) {
	return ask(b, &b.told.Withdrawals, t)
}

func (b *book) answerWithdrawal(entry int, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told.Withdrawals[entry].Answer = answer
	b.note(b.told.Withdrawals[entry])
}

func (b *book) came(t oracle.SeenTransfer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.Transfers = append(b.seen.Transfers, t)
	b.note(t)
}

// postback enters a request that a merchant got, and returns its entry.
func (b *book) postback(p oracle.SeenPostback) (entry int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.Postbacks = append(b.seen.Postbacks, p)
	b.note(p)
	return len(b.seen.Postbacks) - 1
}

// acknowledged says that the merchant's answer went out whole.
func (b *book) acknowledged(entry int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.Postbacks[entry].Acknowledged = true
}

// copy is the book as it is now.
func (b *book) copy() (oracle.Told, oracle.Seen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return oracle.Told{
			Claims: slices.Clone(b.told.Claims), Evidence: slices.Clone(b.told.Evidence), Withdrawals: slices.Clone(b.told.Withdrawals),
		},
		oracle.Seen{Transfers: slices.Clone(b.seen.Transfers), Postbacks: slices.Clone(b.seen.Postbacks)}
}

func (b *book) close() error { return b.file.Close() }
