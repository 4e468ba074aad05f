package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
)

// linkOptions are the flags of galla link.
type linkOptions struct {
	merchant         string
	link             galla.WindowLink
	targets          [3]linkTarget
	expires          time.Duration
	signed, hostForm bool
}

// linkTarget is where one outcome leads: an address, an id of a registered one, or neither.
type linkTarget struct {
	kind    galla.RedirectKind
	address string
	id      int
}

func newLink(a *app) *cobra.Command {
	o := linkOptions{targets: [3]linkTarget{{kind: galla.RedirectSuccess}, {kind: galla.RedirectPending}, {kind: galla.RedirectFail}}}
	c := a.verb("link --merchant SLUG --label LABEL --order ORDER", "Build a link to the payment window", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		address, err := o.build(ad, a.now())
		if err != nil {
			return err
		}
		return a.print(map[string]string{"url": address}, func(w io.Writer) { fmt.Fprintln(w, address) })
	})
	f := c.Flags()
	f.StringVar(&o.merchant, "merchant", "", "slug of the merchant")
	f.StringVar(&o.link.Label, "label", "", "the merchant's id of the payer")
	f.StringVar(&o.link.CustomTransactionID, "order", "", "the merchant's id of the order")
	f.StringVar(&o.link.CurrencyCode, "currency", "INR", "currency")
	f.StringVar(&o.link.WalletType, "wallet-type", "", "locks the window to one method, such as phone_pe")
	f.StringVar(&o.link.FixedAmount, "amount", "", "what is to be paid (default: the payer types it)")
	f.StringVar(&o.link.Lang, "lang", "", "en or hi (default: what the browser prefers)")
	for i := range o.targets {
		t := &o.targets[i]
		f.StringVar(&t.address, string(t.kind)+"-url", "", "signed address for the outcome "+string(t.kind))
		f.IntVar(&t.id, string(t.kind)+"-id", 0, "id of a registered address for it")
	}
	f.DurationVar(&o.expires, "expires", 0, "after this long the signature and the signed addresses hold no more (default: for ever)")
	f.BoolVar(&o.signed, "signed", false, "sign the link, so that nothing of it but the language can be changed; always done where the merchant has signed_links=true")
	f.BoolVar(&o.hostForm, "host-form", false, "plugin.SLUG.HOST instead of a path, which works without DNS of its own")
	return inGroup(groupBusiness, required(c, "merchant", "label", "order"))
}

func (o linkOptions) build(ad *admin, now time.Time) (string, error) {
	m, ok := ad.Directory().MerchantBySlug(o.merchant)
	if !ok {
		return "", &gateway.Refusal{Code: gateway.CodeNotFound, Message: fmt.Sprintf("no merchant %q: galla merchant list shows them", o.merchant)}
	}
	signed := o.signed || m.Policy.SignedLinks
	if err := o.check(m, signed, ad.cfg.LocalHTTP()); err != nil {
		return "", err
	}
	var expiry time.Time
	if o.expires > 0 {
		expiry = now.Add(o.expires)
	}
	key, link := m.RedirectKey().Reveal(), o.link
	link.Base = ad.cfg.BaseURL + "/plugin/" + m.Slug + "/"
	if o.hostForm {
		scheme, host, _ := strings.Cut(ad.cfg.BaseURL, "://")
		link.Base = scheme + "://plugin." + m.Slug + "." + host + "/"
	}
	link.SuccessURLID, link.PendingURLID, link.FailURLID = o.targets[0].id, o.targets[1].id, o.targets[2].id
	for i, token := range []*string{&link.SuccessURL, &link.PendingURL, &link.FailURL} {
		if t := o.targets[i]; t.address != "" {
			*token = galla.RedirectToken(key, m.Slug, t.kind, t.address, expiry)
		}
	}
	make := link.URL
	if signed {
		make = func() (string, error) { return link.SignedURL(key, m.Slug, expiry) }
	}
	address, err := make()
	if err != nil {
		return "", usagef("%v", err)
	}
	return address, nil
}

// check refuses what would build and then not work. What WindowLink itself refuses is left to it.
func (o linkOptions) check(m *gateway.Merchant, signed, local bool) error {
	addresses := false
	for _, t := range o.targets {
		if t.id != 0 {
			if _, ok := m.Redirect(t.id); !ok {
				return usagef("%s has no redirect URL %d: galla merchant redirect list --merchant %s shows them", m.Slug, t.id, m.Slug)
			}
		}
		if t.address == "" {
			continue
		}
		addresses = true
		if err := galla.CheckRedirectURL(t.address, local); err != nil {
			return usagef("--%s-url: %v", t.kind, err)
		}
		if len(galla.RedirectToken("", m.Slug, t.kind, t.address, time.Unix(1<<40, 0))) > galla.MaxRedirectToken {
			return usagef("--%s-url is too long", t.kind)
		}
	}
	if o.expires < 0 || o.expires > 0 && !signed && !addresses {
		return usagef("--expires: needs a time ahead, and something that is signed: --signed, or an address")
	}
	if name := o.link.WalletType; name != "" {
		known, ok := method.Lookup(name)
		switch {
		case !ok || known.WithdrawalOnly:
			return usagef("--wallet-type: there is no method %q for deposits", name)
		case string(known.Currency) != o.link.CurrencyCode:
			return usagef("--currency: %s takes %s", name, known.Currency)
		}
	}
	return nil
}
