package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/instance"
	"github.com/galla-gateway/galla/internal/keyring"
)

// maxRailFile bounds the file with a provider's settings, in bytes.
const maxRailFile = 64 << 10

func newRail(a *app) *cobra.Command {
	move := func(state, done string) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, args []string) error {
			ad, by, err := a.openOperator(c)
			if err != nil {
				return err
			}
			defer ad.Close()
			if err := ad.MoveRail(c.Context(), by, args[0], state); err != nil {
				return err
			}
			return a.print(railDoc{Name: args[0], State: state}, func(w io.Writer) { fmt.Fprintf(w, "%s %s\n", args[0], done) })
		}
	}
	return inGroup(groupBusiness, group("rail", "Providers' accounts that withdrawals are paid from", a.railAdd(), a.railList(),
		a.verb("pause NAME", "Tell it of nothing new; what it has is still asked about", cobra.ExactArgs(1), move(gateway.RailPaused, "is told of nothing new")),
		a.verb("resume NAME", "End a pause", cobra.ExactArgs(1), move(gateway.RailActive, "is told of withdrawals again")),
	))
}

// railDoc is a rail in a document, without its keys.
type railDoc struct {
	Name    string `json:"name"`
	Kind    string `json:"kind,omitempty"`
	State   string `json:"state"`
	KeyID   string `json:"key_id,omitempty"`
	Account string `json:"account,omitempty"`
	BaseURL string `json:"base_url,omitempty"`
	Webhook string `json:"webhook_url,omitempty"`
}

// railFile is the file that rail add reads. Keys are no flags: those stand in the list of processes.
type railFile struct {
	KeyID         string `json:"key_id"`
	Secret        string `json:"secret"`
	WebhookSecret string `json:"webhook_secret"`
	Account       string `json:"account"`
	BaseURL       string `json:"base_url"`
}

func (a *app) railAdd() *cobra.Command {
	var kind, path string
	c := a.verb("add NAME --kind KIND --settings FILE", "Add a provider's account", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		settings, err := readRailFile(path)
		if err != nil {
			return fmt.Errorf("--settings: %w", err)
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		r := gateway.Rail{Name: args[0], Kind: gateway.RailKind(kind), RailSettings: gateway.RailSettings{
			KeyID: settings.KeyID, Secret: keyring.Secret(settings.Secret), WebhookSecret: keyring.Secret(settings.WebhookSecret),
			Account: settings.Account, BaseURL: settings.BaseURL,
		}}
		err = ad.AddRail(c.Context(), by, r, func(r gateway.Rail) error {
			_, err := instance.NewRail(r)
			return err
		})
		if err != nil {
			return err
		}
		doc := railDoc{r.Name, kind, gateway.RailActive, r.KeyID, r.Account, r.BaseURL, ad.cfg.BaseURL + "/rails/v1/" + r.Name}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "Added. Have the provider send its webhooks to %s\nand merchants pay by it: galla merchant set SLUG withdrawal_rail=%s\n", doc.Webhook, doc.Name)
		})
	})
	c.Long = "Add a provider's account. The file has the settings as JSON: key_id, secret, webhook_secret, for " + string(gateway.RailRazorpayX) +
		" account\n(the account that is debited), and base_url for tests. It may be deleted afterwards: what is stored is sealed with the key file."
	c.Flags().StringVar(&kind, "kind", "", string(gateway.RailRazorpayX)+" or "+string(gateway.RailCashfree))
	c.Flags().StringVar(&path, "settings", "", "file with the settings")
	return required(c, "kind", "settings")
}

func readRailFile(path string) (settings railFile, err error) {
	f, err := os.Open(path)
	if err != nil {
		return settings, err
	}
	defer f.Close()
	decoder := json.NewDecoder(io.LimitReader(f, maxRailFile))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return settings, fmt.Errorf("expected a JSON object with key_id, secret, webhook_secret, account, base_url: %w", err)
	}
	return settings, nil
}

func (a *app) railList() *cobra.Command {
	return a.verb("list", "List providers' accounts", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		docs := []railDoc{}
		for _, r := range ad.Directory().Rails() {
			docs = append(docs, railDoc{r.Name, string(r.Kind), r.State, r.KeyID, r.Account, r.BaseURL, ad.cfg.BaseURL + "/rails/v1/" + r.Name})
		}
		slices.SortFunc(docs, func(a, b railDoc) int { return strings.Compare(a.Name, b.Name) })
		cells := make([][]string, len(docs))
		for i, d := range docs {
			cells[i] = []string{d.Name, d.Kind, d.State, d.KeyID, dash(d.Account), d.Webhook}
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"name", "kind", "state", "key", "account", "webhooks to"}, cells) })
	})
}
