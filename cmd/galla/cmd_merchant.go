package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

func newMerchant(a *app) *cobra.Command {
	pause := a.verb("pause SLUG", "Show its payers no more wallets; what they sent is still credited", cobra.ExactArgs(1), a.moveMerchant(merchant.Paused))
	resume := a.verb("resume SLUG", "End a pause", cobra.ExactArgs(1), a.moveMerchant(merchant.Active))
	list := []*cobra.Command{
		a.merchantAdd(), a.merchantList(), a.merchantShow(), a.merchantSet(), a.merchantRotate(), pause, resume,
		group("domain", "Host names that a merchant brings", a.domainAdd(), a.domainList(), a.domainRemove()),
	}
	return inGroup(groupBusiness, group("merchant", "Platforms that take deposits", append(list, a.merchantWindow()...)...))
}

// merchantKeysDoc is what merchant add prints. Scripts rely on its members.
type merchantKeysDoc struct {
	ID            int64  `json:"id"`
	Slug          string `json:"slug"`
	ServerURL     string `json:"server_url"`
	APISecret     string `json:"api_secret"`
	AccessKey     string `json:"access_key"`
	PostbackKey   string `json:"postback_private_key"`
	WebhookSecret string `json:"webhook_secret"`
	WithdrawalKey string `json:"withdrawal_private_key"`
	RedirectKey   string `json:"redirect_key"`
}

func (a *app) merchantAdd() *cobra.Command {
	var m gateway.NewMerchant
	var currency string
	c := a.verb("add --slug SLUG --name NAME --postback-url URL", "Add a merchant and print its keys, this once", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			ad, err := a.openAdmin(c)
			if err != nil {
				return err
			}
			defer ad.Close()
			m.Currency = money.Currency(currency)
			added, err := ad.AddMerchants(c.Context(), m)
			if err != nil {
				return err
			}
			keys := added[0]
			doc := merchantKeysDoc{
				ID: int64(keys.ID), Slug: keys.Slug, ServerURL: keys.Slug + "." + ad.cfg.BaseHost(), APISecret: keys.APISecret.Reveal(),
				AccessKey: keys.AccessKey, PostbackKey: keys.PostbackKey.Reveal(), WebhookSecret: keys.WebhookSecret.Reveal(),
				WithdrawalKey: keys.WithdrawalKey.Reveal(), RedirectKey: keys.RedirectKey.Reveal(),
			}
			return a.print(doc, func(w io.Writer) {
				pairs(w, [2]string{"id", number(doc.ID)}, [2]string{"slug", doc.Slug}, [2]string{"server_url", doc.ServerURL},
					[2]string{"api_secret", doc.APISecret}, [2]string{"access_key", doc.AccessKey},
					[2]string{"postback_private_key", doc.PostbackKey}, [2]string{"webhook_secret", doc.WebhookSecret},
					[2]string{"withdrawal_private_key", doc.WithdrawalKey}, [2]string{"redirect_key", doc.RedirectKey})
				fmt.Fprintln(w, "\nThese keys are shown once. Hand them to the merchant's developer and keep no copy.")
			})
		})
	f := c.Flags()
	f.StringVar(&m.Slug, "slug", "", "short name, part of its host names: small letters, digits, hyphens")
	f.StringVar(&m.Name, "name", "", "name for people")
	f.StringVar(&m.PostbackURL, "postback-url", "", "where credits are told, http or https")
	f.StringVar(&m.WithdrawalPostbackURL, "withdrawal-postback-url", "", "where ends of withdrawals are told (default: the postback URL)")
	f.StringVar(&m.TimeZone, "time-zone", merchant.DefaultTimeZone, "zone of the times in its postbacks")
	f.StringVar(&currency, "currency", string(money.INR), "currency of its limits")
	f.BoolVar(&m.Sandbox, "sandbox", false, "a merchant for tries: wallets and books of its own, no real money")
	return required(c, "slug", "name", "postback-url")
}

// merchantDoc is a merchant in a document.
type merchantDoc struct {
	ID                    int64             `json:"id"`
	Slug                  string            `json:"slug"`
	Name                  string            `json:"name"`
	State                 string            `json:"state"`
	Sandbox               bool              `json:"sandbox"`
	Currency              string            `json:"currency"`
	TimeZone              string            `json:"time_zone"`
	ServerURL             string            `json:"server_url"`
	PostbackURL           string            `json:"postback_url"`
	WithdrawalPostbackURL string            `json:"withdrawal_postback_url,omitempty"`
	CreatedAt             string            `json:"created_at"`
	Domains               []string          `json:"domains,omitempty"`
	Policy                map[string]string `json:"policy,omitempty"`
	Keys                  []merchantKeyDoc  `json:"keys,omitempty"`
}

// merchantKeyDoc is a key without its secret.
type merchantKeyDoc struct {
	ID        int64  `json:"id"`
	Kind      string `json:"kind"`
	AccessKey string `json:"access_key,omitempty"`
	CreatedAt string `json:"created_at"`
	ExpiresAt string `json:"expires_at,omitempty"`
}

func merchantDocOf(m store.Merchant, baseHost string) merchantDoc {
	return merchantDoc{
		ID: m.ID, Slug: m.Slug, Name: m.Name, State: m.State, Sandbox: m.Sandbox == 1, Currency: m.Currency, TimeZone: m.TimeZone,
		ServerURL: m.Slug + "." + baseHost, PostbackURL: m.PostbackUrl, WithdrawalPostbackURL: m.WithdrawalPostbackUrl, CreatedAt: moment(m.CreatedAt),
	}
}

func (a *app) merchantList() *cobra.Command {
	return a.verb("list", "List merchants", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, cfg, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListMerchants(c.Context())
		if err != nil {
			return err
		}
		docs, cells := make([]merchantDoc, len(rows)), make([][]string, len(rows))
		for i, m := range rows {
			docs[i] = merchantDocOf(m, cfg.BaseHost())
			cells[i] = []string{number(m.ID), m.Slug, m.Name, m.State, kindWord(m.Sandbox), m.Currency, m.PostbackUrl}
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"id", "slug", "name", "state", "kind", "currency", "postback url"}, cells)
		})
	})
}

func kindWord(sandbox int16) string {
	if sandbox == 1 {
		return "sandbox"
	}
	return "live"
}

func (a *app) merchantShow() *cobra.Command {
	return a.verb("show SLUG", "Show a merchant with every policy and what keys it has", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		s, cfg, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.showMerchant(c, s, cfg.BaseHost(), args[0])
	})
}

func (a *app) showMerchant(c *cobra.Command, s *store.Store, baseHost, slug string) error {
	ctx, q := c.Context(), s.Read()
	row, err := q.GetMerchant(ctx, slug)
	if err != nil {
		return notFound(err, "merchant", slug)
	}
	policy, err := merchant.ParsePolicy(row.Policy)
	if err != nil {
		return err
	}
	doc := merchantDocOf(row, baseHost)
	doc.Policy = policy.Show(money.Currency(row.Currency))
	keys, err := q.ListKeysOfMerchant(ctx, row.ID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		doc.Keys = append(doc.Keys, merchantKeyDoc{key.ID, key.Kind, key.Public, moment(key.CreatedAt), optionalMoment(key.ExpiresAt)})
	}
	domains, err := q.ListMerchantDomains(ctx)
	for _, domain := range domains {
		if domain.MerchantID == row.ID {
			doc.Domains = append(doc.Domains, domain.Host)
		}
	}
	if err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { writeMerchant(w, doc, row) })
}

func writeMerchant(w io.Writer, doc merchantDoc, row store.Merchant) {
	pairs(w, [2]string{"id", number(doc.ID)}, [2]string{"slug", doc.Slug}, [2]string{"name", doc.Name}, [2]string{"state", doc.State},
		[2]string{"kind", kindWord(row.Sandbox)}, [2]string{"currency", doc.Currency}, [2]string{"time_zone", doc.TimeZone},
		[2]string{"server_url", doc.ServerURL}, [2]string{"postback_url", doc.PostbackURL},
		[2]string{"withdrawal_postback_url", doc.WithdrawalPostbackURL}, [2]string{"domains", strings.Join(doc.Domains, ", ")},
		[2]string{"created", minute(row.CreatedAt)})
	fmt.Fprintln(w, "\npolicy (galla merchant set "+doc.Slug+" KEY=VALUE)")
	help := merchant.SettingNames()
	var settings [][2]string
	for _, key := range slices.Sorted(maps.Keys(doc.Policy)) {
		settings = append(settings, [2]string{"  " + key + "=" + doc.Policy[key], help[key]})
	}
	pairs(w, settings...)
	fmt.Fprintln(w, "\nkeys")
	var rows [][]string
	for _, key := range doc.Keys {
		rows = append(rows, []string{key.Kind, dash(key.AccessKey), key.CreatedAt, dash(key.ExpiresAt)})
	}
	table(w, []string{"kind", "public", "created", "expires"}, rows)
}

func (a *app) merchantSet() *cobra.Command {
	c := a.verb("set SLUG KEY=VALUE…", "Change settings; all hold, or none", cobra.MinimumNArgs(2), func(c *cobra.Command, args []string) error {
		settings, err := gateway.ParseSettings(args[1:])
		if err != nil {
			return err
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.SetMerchant(c.Context(), args[0], settings); err != nil {
			return err
		}
		return a.showMerchant(c, ad.store, ad.cfg.BaseHost(), args[0])
	})
	var long strings.Builder
	long.WriteString("Change settings of a merchant. Running servers know them within a second.\n\n")
	help := merchant.SettingNames()
	for _, key := range slices.Sorted(maps.Keys(help)) {
		fmt.Fprintf(&long, "  %-20s %s\n", key, help[key])
	}
	long.WriteString("  name, time_zone, postback_url, withdrawal_postback_url\n")
	c.Long = long.String()
	return c
}

func (a *app) moveMerchant(to merchant.State) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.MoveMerchant(c.Context(), args[0], to); err != nil {
			return err
		}
		return a.print(map[string]string{"slug": args[0], "state": string(to)}, func(w io.Writer) { fmt.Fprintf(w, "merchant %s is %s\n", args[0], to) })
	}
}

// defaultOverlap is how long an old key stays valid beside a new one.
const defaultOverlap = 24 * time.Hour

func (a *app) merchantRotate() *cobra.Command {
	var kind string
	var overlap time.Duration
	c := a.verb("rotate SLUG --kind KIND", "Make a new key and print it, this once", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			ad, err := a.openAdmin(c)
			if err != nil {
				return err
			}
			defer ad.Close()
			fresh, err := ad.RotateMerchantKey(c.Context(), args[0], kind, overlap)
			if err != nil {
				return err
			}
			member := map[string]string{
				"api_secret": "api_secret", "postback": "postback_private_key", "webhook": "webhook_secret",
				"withdrawal": "withdrawal_private_key", "redirect": "redirect_key",
			}[kind]
			doc := map[string]string{"slug": args[0], "kind": kind, member: fresh.Secret.Reveal(), "old_valid_until": moment(fresh.OldUntil.UnixMicro())}
			if fresh.AccessKey != "" {
				doc["access_key"] = fresh.AccessKey
			}
			return a.print(doc, func(w io.Writer) {
				pairs(w, [2]string{"access_key", fresh.AccessKey}, [2]string{member, fresh.Secret.Reveal()})
				if kind == "postback" {
					fmt.Fprintln(w, "\nPostbacks written from now on are signed with it.")
					return
				}
				fmt.Fprintf(w, "\nThe key before it is valid until %s.\n", minute(fresh.OldUntil.UnixMicro()))
			})
		})
	c.Flags().StringVar(&kind, "kind", "", strings.Join(gateway.MerchantKeyKinds, ", "))
	c.Flags().DurationVar(&overlap, "overlap", defaultOverlap, "how long the old key stays valid beside the new one; 0 ends it now")
	return required(c, "kind")
}

func (a *app) domainAdd() *cobra.Command {
	return a.verb("add SLUG HOST", "Let api.HOST and plugin.HOST be the merchant's", cobra.ExactArgs(2), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		host, _, _ := strings.Cut(ad.cfg.BaseHost(), ":")
		if args[1] == host || strings.HasSuffix(args[1], "."+host) {
			return usagef("domain: %s lies under %s, where merchants have their hosts anyway", args[1], host)
		}
		if err := ad.AddDomain(c.Context(), args[0], args[1]); err != nil {
			return err
		}
		return a.print(map[string]string{"slug": args[0], "host": args[1]}, func(w io.Writer) { fmt.Fprintf(w, "%s belongs to %s\n", args[1], args[0]) })
	})
}

func (a *app) domainRemove() *cobra.Command {
	return a.verb("remove SLUG HOST", "Take a host name away", cobra.ExactArgs(2), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.RemoveDomain(c.Context(), args[0], args[1]); err != nil {
			return err
		}
		return a.print(map[string]string{"slug": args[0], "removed": args[1]}, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", args[1]) })
	})
}

func (a *app) domainList() *cobra.Command {
	return a.verb("list SLUG", "List host names", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		row, err := s.Read().GetMerchant(c.Context(), args[0])
		if err != nil {
			return notFound(err, "merchant", args[0])
		}
		domains, err := s.Read().ListMerchantDomains(c.Context())
		if err != nil {
			return err
		}
		hosts := []string{}
		for _, domain := range domains {
			if domain.MerchantID == row.ID {
				hosts = append(hosts, domain.Host)
			}
		}
		return a.print(hosts, func(w io.Writer) {
			for _, host := range hosts {
				fmt.Fprintln(w, host)
			}
		})
	})
}
