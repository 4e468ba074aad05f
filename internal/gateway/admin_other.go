package gateway

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

var headerShape = regexp.MustCompile(`^(?:[A-Z]{2}-)?[A-Z0-9]{3,11}(?:-[STPG])?$`)

// SetSender declares an SMS header to be a bank's, such as HDFCBK. Its messages are then read by that bank's templates,
// by the generic one for a bank that Galla doesn't know.
func (g *Gateway) SetSender(ctx context.Context, header, bank string) error {
	header = strings.ToUpper(strings.TrimSpace(header))
	if !headerShape.MatchString(header) {
		return refuse(CodeInvalid, "header: expected the sender of the bank's messages, such as HDFCBK or VM-HDFCBK-S")
	}
	if err := checkName("bank", bank); err != nil {
		return err
	}
	return g.change(ctx, &auditEntry{"sender.set", "sender:" + header, bank}, func(ctx context.Context, q *store.Queries) error {
		return q.InsertSenderHeader(ctx, store.InsertSenderHeaderParams{Header: header, Bank: bank, CreatedAt: g.now().UnixMicro()})
	})
}

// RemoveSender takes back what SetSender declared. The headers that Galla brings stay.
func (g *Gateway) RemoveSender(ctx context.Context, header string) error {
	header = strings.ToUpper(strings.TrimSpace(header))
	return g.change(ctx, &auditEntry{"sender.removed", "sender:" + header, ""}, func(ctx context.Context, q *store.Queries) error {
		removed, err := q.DeleteSenderHeader(ctx, header)
		if err == nil && removed == 0 {
			return refuse(CodeNotFound, "header %q was not added by galla sender add", header)
		}
		return err
	})
}

// SetRate sets what one unit of base is in quote; postbacks in base then carry the converted amount.
func (g *Gateway) SetRate(ctx context.Context, base, quote, rate string) error {
	from, err := money.LookupCurrency(base)
	if err != nil {
		return invalid(err)
	}
	to, err := money.LookupCurrency(quote)
	if err != nil {
		return invalid(err)
	}
	if from == to {
		return refuse(CodeInvalid, "rate: expected two currencies")
	}
	parsed, err := money.ParseRate(rate)
	if err != nil {
		return invalid(err)
	}
	return g.change(ctx, &auditEntry{"rate.set", "rate:" + base + "/" + quote, parsed.Text()}, func(ctx context.Context, q *store.Queries) error {
		err := q.SetRate(ctx, store.SetRateParams{Base: base, Quote: quote, Rate: parsed.Text(), CreatedAt: g.now().UnixMicro()})
		if err != nil {
			return fmt.Errorf("set rate: %w", err)
		}
		return nil
	})
}
