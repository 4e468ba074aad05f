package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// withdrawals answers a page of the merchant's withdrawals.
func (a *api) withdrawals(w http.ResponseWriter, r *http.Request) error {
	m, err := a.bearer(w, r)
	if err != nil {
		return err
	}
	given, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	after, err := wholeNumber("after", given["after"], 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := wholeNumber("limit", given["limit"], galla.DefaultWithdrawalLimit, 1, galla.MaxWithdrawalLimit)
	if err != nil {
		return err
	}
	page := galla.WithdrawalPage{Mode: a.mode(m), Merchant: m.Slug, Next: after}
	if page.Withdrawals, page.More, err = a.Gateway.MerchantsWithdrawals(r.Context(), m.ID, after, int(limit)); err != nil {
		return err
	}
	if last := len(page.Withdrawals) - 1; last >= 0 {
		page.Next = page.Withdrawals[last].ID
	}
	send(w, http.StatusOK, page)
	return nil
}

// withdrawal answers one withdrawal.
func (a *api) withdrawal(w http.ResponseWriter, r *http.Request) error {
	m, id, err := a.merchantsWithdrawal(w, r)
	if err != nil {
		return err
	}
	found, err := a.Gateway.MerchantsWithdrawal(r.Context(), m.ID, id)
	if err != nil {
		return asProblem(err)
	}
	send(w, http.StatusOK, found)
	return nil
}

// cancel takes a withdrawal back that no bank was told of.
func (a *api) cancel(w http.ResponseWriter, r *http.Request) error {
	m, id, err := a.merchantsWithdrawal(w, r)
	if err != nil {
		return err
	}
	if err := a.Gateway.CancelMerchantsWithdrawal(r.Context(), m.ID, id); err != nil {
		return asProblem(err)
	}
	found, err := a.Gateway.MerchantsWithdrawal(r.Context(), m.ID, id)
	if err != nil {
		return asProblem(err)
	}
	web.Note(w, slog.Int64("withdrawal_id", int64(id)))
	send(w, http.StatusOK, found)
	return nil
}

func (a *api) merchantsWithdrawal(w http.ResponseWriter, r *http.Request) (*gateway.Merchant, withdrawal.ID, error) {
	m, err := a.bearer(w, r)
	if err != nil {
		return nil, 0, err
	}
	if _, err := query(r); err != nil {
		return nil, 0, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return nil, 0, &problem{http.StatusNotFound, codeNotFound, "There is no such withdrawal"}
	}
	return m, withdrawal.ID(id), nil
}

// balances answers what the merchant has.
func (a *api) balances(w http.ResponseWriter, r *http.Request) error {
	m, err := a.bearer(w, r)
	if err != nil {
		return err
	}
	if _, err := query(r); err != nil {
		return err
	}
	page := galla.BalancePage{Mode: a.mode(m), Merchant: m.Slug}
	if page.Balances, err = a.Gateway.Balances(r.Context(), m.ID); err != nil {
		return err
	}
	send(w, http.StatusOK, page)
	return nil
}

// asProblem turns a refusal of the gateway into a problem.
func asProblem(err error) error {
	var refused *gateway.Refusal
	switch {
	case errors.As(err, &refused) && refused.Code == gateway.CodeNotFound:
		return &problem{http.StatusNotFound, codeNotFound, "There is no such withdrawal"}
	case errors.As(err, &refused):
		return &problem{http.StatusConflict, codeConflict, refused.Message}
	case errors.Is(err, gateway.ErrUnknown):
		return &problem{http.StatusServiceUnavailable, codeUnknown, "The outcome is not known yet: repeat the request"}
	}
	return err
}
