package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

func newSource(a *app) *cobra.Command {
	move := func(to string) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, args []string) error {
			return a.changeSource(c, args[0], func(ad *admin, id int64) error { return ad.MoveSource(c.Context(), id, to) })
		}
	}
	return inGroup(groupBusiness, group("source", "Who reports the money that comes in", a.sourceAdd(), a.sourceList(), a.sourceShow(), a.sourceRotate(),
		a.verb("pause ID", "Take nothing from it for now", cobra.ExactArgs(1), move(gateway.SourcePaused)),
		a.verb("resume ID", "End a pause", cobra.ExactArgs(1), move(gateway.SourceActive)),
		a.verb("retire ID", "Take nothing from it ever again", cobra.ExactArgs(1), move(gateway.SourceRetired)),
	))
}

// sourceTokenDoc is what source add and source rotate print. Scripts rely on its members.
type sourceTokenDoc struct {
	ID    int64  `json:"id"`
	Token string `json:"token"`
	URL   string `json:"url"`
}

// sourceURL is what the app or program of a source is given. The forwarder apps know a URL and nothing else, so theirs
// carries the token.
func sourceURL(base string, kind evidence.SourceKind, token string) string {
	switch kind {
	case evidence.SourceTransfers:
		return base + "/evidence/v1/transfers"
	case evidence.SourceSMS:
		return base + "/evidence/v1/messages"
	}
	return base + "/evidence/v1/forward/" + token
}

func (a *app) printToken(cfgBase string, added gateway.AddedSource) error {
	token := added.Token.Reveal()
	doc := sourceTokenDoc{added.ID, token, sourceURL(cfgBase, added.Kind, token)}
	return a.print(doc, func(w io.Writer) {
		pairs(w, [2]string{"id", number(doc.ID)}, [2]string{"token", doc.Token}, [2]string{"url", doc.URL})
		fmt.Fprintln(w, "\nThe token is shown once. Who has it can report money: keep it as a password.")
	})
}

func (a *app) sourceAdd() *cobra.Command {
	var id int64
	var kind string
	c := a.verb("add --wallet ID --kind KIND", "Add a source and print its token, this once", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		added, err := ad.AddSource(c.Context(), wallet.ID(id), evidence.SourceKind(kind))
		if err != nil {
			return err
		}
		return a.printToken(ad.cfg.BaseURL, added)
	})
	var kinds []string
	for _, k := range evidence.SourceKinds() {
		kinds = append(kinds, string(k))
	}
	c.Flags().Int64Var(&id, "wallet", 0, "wallet whose account it watches")
	c.Flags().StringVar(&kind, "kind", "", strings.Join(kinds, ", "))
	return required(c, "wallet", "kind")
}

// sourceDoc is a source in a document.
type sourceDoc struct {
	ID         int64  `json:"id"`
	WalletID   int64  `json:"wallet_id"`
	AccountID  int64  `json:"account_id"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	OTPRefused int64  `json:"otp_refused"`
	CreatedAt  string `json:"created_at"`
}

func sourceDocOf(s store.Source) sourceDoc {
	return sourceDoc{s.ID, s.WalletID, s.AccountID, s.Kind, s.State, s.OtpRefused, moment(s.CreatedAt)}
}

func writeSources(w io.Writer, docs []sourceDoc) {
	var rows [][]string
	for _, d := range docs {
		rows = append(rows, []string{number(d.ID), number(d.WalletID), number(d.AccountID), d.Kind, d.State, number(d.OTPRefused), d.CreatedAt})
	}
	table(w, []string{"id", "wallet", "account", "kind", "state", "otp refused", "created"}, rows)
}

func (a *app) sourceList() *cobra.Command {
	return a.verb("list", "List sources", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListSources(c.Context())
		if err != nil {
			return err
		}
		docs := make([]sourceDoc, len(rows))
		for i, row := range rows {
			docs[i] = sourceDocOf(row)
		}
		return a.print(docs, func(w io.Writer) { writeSources(w, docs) })
	})
}

func (a *app) sourceShow() *cobra.Command {
	return a.verb("show ID", "Show a source", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("source", args[0])
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.showSource(c, s, id)
	})
}

func (a *app) showSource(c *cobra.Command, s *store.Store, id int64) error {
	row, err := s.Read().GetSource(c.Context(), id)
	if err != nil {
		return notFound(err, "source", id)
	}
	doc := sourceDocOf(row)
	return a.print(doc, func(w io.Writer) { writeSources(w, []sourceDoc{doc}) })
}

func (a *app) sourceRotate() *cobra.Command {
	return a.verb("rotate ID", "Give it a new token and print it, this once; the old one ends", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("source", args[0])
		if err != nil {
			return err
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		fresh, err := ad.RotateSource(c.Context(), id)
		if err != nil {
			return err
		}
		return a.printToken(ad.cfg.BaseURL, fresh)
	})
}

func (a *app) changeSource(c *cobra.Command, text string, change func(*admin, int64) error) error {
	id, err := parseID("source", text)
	if err != nil {
		return err
	}
	ad, err := a.openAdmin(c)
	if err != nil {
		return err
	}
	defer ad.Close()
	if err := change(ad, id); err != nil {
		return err
	}
	return a.showSource(c, ad.store, id)
}
