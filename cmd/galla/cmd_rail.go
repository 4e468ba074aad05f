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
	"github.com/galla-gateway/galla/internal/payout/bankfile"
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
	return inGroup(groupBusiness, group("rail", "Accounts that withdrawals are paid from", a.railAdd(), a.railList(), a.railTemplate(),
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
	Layout  string `json:"template,omitempty"` // of a bank's files
	File    string `json:"file,omitempty"`
	Webhook string `json:"webhook_url,omitempty"`
}

// railFile is the file that rail add reads. Keys are no flags: those stand in the list of processes.
type railFile struct {
	KeyID         string `json:"key_id"`
	Secret        string `json:"secret"`
	WebhookSecret string `json:"webhook_secret"`
	Account       string `json:"account"`
	BaseURL       string `json:"base_url"`
	// Template is the name of one of the release, or a whole one.
	Template json.RawMessage `json:"template"`
	File     string          `json:"file"`
}

// layout is the template as the gateway keeps it.
func (f railFile) layout() (string, error) {
	text := strings.TrimSpace(string(f.Template))
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	var name string
	err := json.Unmarshal(f.Template, &name)
	return name, err
}

// railDocOf is a rail as it is shown.
func railDocOf(r gateway.Rail, baseURL string) railDoc {
	doc := railDoc{Name: r.Name, Kind: string(r.Kind), State: r.State, KeyID: r.KeyID, Account: r.Account, BaseURL: r.BaseURL, File: r.File}
	if r.Kind == gateway.RailBankFile {
		doc.Layout = r.TemplateName()
	} else {
		doc.Webhook = baseURL + "/rails/v1/" + r.Name
	}
	return doc
}

func (a *app) railAdd() *cobra.Command {
	var kind, path string
	c := a.verb("add NAME --kind KIND --settings FILE", "Add an account", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		settings, err := readRailFile(path)
		if err != nil {
			return fmt.Errorf("--settings: %w", err)
		}
		layout, err := settings.layout()
		if err != nil {
			return fmt.Errorf("--settings: template: %w", err)
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		r := gateway.Rail{Name: args[0], Kind: gateway.RailKind(kind), State: gateway.RailActive, RailSettings: gateway.RailSettings{
			KeyID: settings.KeyID, Secret: keyring.Secret(settings.Secret), WebhookSecret: keyring.Secret(settings.WebhookSecret),
			Account: settings.Account, BaseURL: settings.BaseURL, Template: layout, File: settings.File,
		}}
		if err := ad.AddRail(c.Context(), by, r, instance.CheckRail); err != nil {
			return err
		}
		doc := railDocOf(r, ad.cfg.BaseURL)
		return a.print(doc, func(w io.Writer) {
			if doc.Webhook == "" {
				fmt.Fprintf(w, "Added. Have merchants pay by it: galla merchant set SLUG withdrawal_rail=%s\nand make files: galla withdrawal export --rail %s\n", doc.Name, doc.Name)
				return
			}
			fmt.Fprintf(w, "Added. Have the provider send its webhooks to %s\nand merchants pay by it: galla merchant set SLUG withdrawal_rail=%s\n", doc.Webhook, doc.Name)
		})
	})
	c.Long = "Add an account that withdrawals are paid from. The file has the settings as JSON. For " + string(gateway.RailRazorpayX) + " and " + string(gateway.RailCashfree) + ": key_id, secret,\nwebhook_secret, for " +
		string(gateway.RailRazorpayX) + " account (the account that is debited), and base_url for tests. For " + string(gateway.RailBankFile) + ", files that people carry to a bank:\ntemplate (a name, or a whole template: galla rail template), account, and file (csv or xlsx).\n" +
		"It may be deleted afterwards: what is stored is sealed with the key file."
	c.Flags().StringVar(&kind, "kind", "", string(gateway.RailRazorpayX)+", "+string(gateway.RailCashfree)+" or "+string(gateway.RailBankFile))
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
		return settings, fmt.Errorf("expected a JSON object with key_id, secret, webhook_secret, account, base_url, or template, account, file: %w", err)
	}
	return settings, nil
}

func (a *app) railList() *cobra.Command {
	return a.verb("list", "List the accounts", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		docs := []railDoc{}
		for _, r := range ad.Directory().Rails() {
			docs = append(docs, railDocOf(r, ad.cfg.BaseURL))
		}
		slices.SortFunc(docs, func(a, b railDoc) int { return strings.Compare(a.Name, b.Name) })
		cells := make([][]string, len(docs))
		for i, d := range docs {
			cells[i] = []string{d.Name, d.Kind, d.State, dash(d.KeyID + d.Layout), dash(d.Account), dash(d.Webhook)}
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"name", "kind", "state", "key or template", "account", "webhooks to"}, cells)
		})
	})
}

func (a *app) railTemplate() *cobra.Command {
	return a.verb("template [NAME]", "List the templates of banks' files, or print one to start your own from", cobra.MaximumNArgs(1), func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			docs, cells := []templateDoc{}, [][]string{}
			for _, t := range bankfile.Templates() {
				d := templateDoc{t.Name, t.Title, t.Source, t.Upload.Kinds}
				docs, cells = append(docs, d), append(cells, []string{d.Name, fmt.Sprint(d.Kinds), d.Title, d.Source})
			}
			return a.print(docs, func(w io.Writer) { table(w, []string{"name", "files", "of", "layout from"}, cells) })
		}
		t, ok := bankfile.Lookup(args[0])
		if !ok {
			return usagef("no template %q: galla rail template shows them", args[0])
		}
		a.printed = true
		encoder := json.NewEncoder(a.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(t)
	})
}

// templateDoc is a template of the release in a list.
type templateDoc struct {
	Name   string          `json:"name"`
	Title  string          `json:"title"`
	Source string          `json:"source"`
	Kinds  []bankfile.Kind `json:"kinds"`
}
