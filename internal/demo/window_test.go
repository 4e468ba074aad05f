package demo

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/money"
)

// The whole instance: from the shop's page to the window by path, paid, the number sent there, the shop told. A stream
// that is open at the end doesn't keep the instance from stopping.
func TestWindow(t *testing.T) {
	w, err := newWorld(t.Context(), Options{Now: time.Now, Seed: 1}, sim.Habits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = w.serve(t.Context(), func(ctx context.Context) error { return w.payInWindow(ctx, t) })
	if err = errors.Join(err, w.remove()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v: an open stream held it up", took)
	}
}

func (w *world) payInWindow(ctx context.Context, t *testing.T) error {
	order, _, err := w.shop.Open(ctx, "me & you", money.Money{Minor: 500_00, Currency: money.INR})
	if err != nil {
		return err
	}
	page, _, err := w.fetch(w.client.Get(w.shopURL() + "/orders/" + order.ID))
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`href="(http://127[^"]*/plugin/shop/\?[^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the order's page has no link to the window:\n%s", page)
	}
	link := html.UnescapeString(found[1])
	pay, _, err := w.fetch(w.client.Get(link))
	if err != nil || !strings.Contains(pay, order.Identifier) || !strings.Contains(pay, "simulated") {
		t.Errorf("the window: %v\n%s", err, pay)
	}
	paid, err := w.shop.Pay(order.ID, sim.You, order.Amount, 0)
	if err != nil {
		return err
	}
	result, final, err := w.fetch(w.client.PostForm(link, url.Values{"key1": {paid.Number}}))
	if err != nil || !strings.Contains(result, `data-status="possible_transaction_created"`) || final != link {
		t.Errorf("after the number, at %s: %v\n%s", final, err, result)
	}
	stream, err := w.client.Get(strings.Replace(link, "/?", "/events?", 1))
	if err != nil {
		return err
	}
	defer stream.Body.Close()
	if kind := stream.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		t.Errorf("events are %s", kind)
	}
	other, err := w.client.Get(strings.NewReplacer("/?", "/events?", order.ID, "order-open").Replace(link)) // open till the end
	if err != nil {
		return err
	}
	t.Cleanup(func() { other.Body.Close() })
	for _, phone := range w.phones {
		go phone.Run(ctx, forwardEvery, func(sim.Receipt) {})
	}
	events, err := io.ReadAll(stream.Body) // it ends with the order
	if err != nil || !strings.Contains(string(events), `data: {"status":"ok",`) {
		t.Errorf("events: %v\n%s", err, events)
	}
	_, err = w.shop.Merchant().Wait(ctx, order.ID)
	return err
}

// fetch reads an answer, and tells where it was in the end.
func (w *world) fetch(response *http.Response, err error) (body, at string, _ error) {
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return string(read), response.Request.URL.String(), err
}
