package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/logo"
	"github.com/galla-gateway/galla/internal/store"
)

// merchantWindow are the commands about what a merchant tells the payment window.
func (a *app) merchantWindow() []*cobra.Command {
	return []*cobra.Command{
		group("redirect", "Addresses to which the payment window sends payers", a.redirectAdd(), a.redirectList(), a.redirectRemove()),
		group("origin", "Sites that may hold the payment window in a frame", a.originAdd(), a.originList(), a.originRemove()),
		group("brand", "How the payment window looks for a merchant's payers", a.brandSet(), a.brandShow(), a.brandClear()),
	}
}

// ofMerchant adds the flag --merchant, which the command needs.
func ofMerchant(c *cobra.Command, slug *string, alsoRequired ...string) *cobra.Command {
	c.Flags().StringVar(slug, "merchant", "", "slug of the merchant")
	return required(c, append(alsoRequired, "merchant")...)
}

// change runs an act of administration and prints what it gives.
func (a *app) change(act func(c *cobra.Command, ad *admin) (document any, text string, err error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		document, text, err := act(c, ad)
		if err != nil {
			return err
		}
		return a.print(document, func(w io.Writer) { fmt.Fprintln(w, text) })
	}
}

// read opens the database for a command that shows something of a merchant.
func (a *app) read(slug *string, show func(c *cobra.Command, s *store.Store, m store.Merchant) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		row, err := s.Read().GetMerchant(c.Context(), *slug)
		if err != nil {
			return notFound(err, "merchant", *slug)
		}
		return show(c, s, row)
	}
}

// redirectDoc is a redirect URL in a document. Scripts rely on its members.
type redirectDoc struct {
	ID        int64  `json:"id"`
	URL       string `json:"url"`
	CreatedAt string `json:"created_at,omitempty"`
}

func (a *app) redirectAdd() *cobra.Command {
	var slug, address string
	c := a.verb("add --merchant SLUG --url URL", "Register an address and print the id by which links name it", cobra.NoArgs,
		a.change(func(c *cobra.Command, ad *admin) (any, string, error) {
			id, err := ad.AddRedirect(c.Context(), slug, address, ad.cfg.LocalHTTP())
			return redirectDoc{ID: int64(id), URL: address}, fmt.Sprintf("%s is %d: payment_url_success_id=%d", address, id, id), err
		}))
	c.Flags().StringVar(&address, "url", "", "https address; http where this installation's own address is http://localhost")
	return ofMerchant(c, &slug, "url")
}

func (a *app) redirectList() *cobra.Command {
	var slug string
	c := a.verb("list --merchant SLUG", "List addresses", cobra.NoArgs, a.read(&slug, func(c *cobra.Command, s *store.Store, m store.Merchant) error {
		rows, err := s.Read().ListRedirectsOfMerchant(c.Context(), m.ID)
		if err != nil {
			return err
		}
		docs, cells := []redirectDoc{}, [][]string{}
		for _, row := range rows {
			if row.RemovedAt.Valid {
				continue
			}
			docs = append(docs, redirectDoc{row.ID, row.Url, moment(row.CreatedAt)})
			cells = append(cells, []string{number(row.ID), row.Url, minute(row.CreatedAt)})
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"id", "url", "added"}, cells) })
	}))
	return ofMerchant(c, &slug)
}

func (a *app) redirectRemove() *cobra.Command {
	var slug string
	var id int
	c := a.verb("remove --merchant SLUG --id ID", "Take an address away; its id is never given again", cobra.NoArgs,
		a.change(func(c *cobra.Command, ad *admin) (any, string, error) {
			err := ad.RemoveRedirect(c.Context(), slug, id)
			return map[string]any{"removed": id}, fmt.Sprintf("%d is removed", id), err
		}))
	c.Flags().IntVar(&id, "id", 0, "id of the address")
	return ofMerchant(c, &slug, "id")
}

func (a *app) originAdd() *cobra.Command {
	var slug, origin string
	c := a.verb("add --merchant SLUG --origin ORIGIN", "Let a site's pages hold the window in a frame", cobra.NoArgs,
		a.change(func(c *cobra.Command, ad *admin) (any, string, error) {
			err := ad.AddOrigin(c.Context(), slug, origin, ad.cfg.LocalHTTP())
			return map[string]string{"origin": origin}, origin + " may hold the window in a frame", err
		}))
	c.Flags().StringVar(&origin, "origin", "", "scheme and host, such as https://shop.example")
	return ofMerchant(c, &slug, "origin")
}

func (a *app) originList() *cobra.Command {
	var slug string
	c := a.verb("list --merchant SLUG", "List origins", cobra.NoArgs, a.read(&slug, func(c *cobra.Command, s *store.Store, m store.Merchant) error {
		rows, err := s.Read().ListOrigins(c.Context())
		if err != nil {
			return err
		}
		origins := []string{}
		for _, row := range rows {
			if row.MerchantID == m.ID {
				origins = append(origins, row.Origin)
			}
		}
		return a.print(origins, func(w io.Writer) { fmt.Fprintln(w, dash(strings.Join(origins, "\n"))) })
	}))
	return ofMerchant(c, &slug)
}

func (a *app) originRemove() *cobra.Command {
	var slug, origin string
	c := a.verb("remove --merchant SLUG --origin ORIGIN", "Take an origin away", cobra.NoArgs,
		a.change(func(c *cobra.Command, ad *admin) (any, string, error) {
			err := ad.RemoveOrigin(c.Context(), slug, origin)
			return map[string]string{"removed": origin}, origin + " is removed", err
		}))
	c.Flags().StringVar(&origin, "origin", "", "as list shows it")
	return ofMerchant(c, &slug, "origin")
}

// brandDoc is a brand in a document, without the picture itself. Scripts rely on its members.
type brandDoc struct {
	Name      string   `json:"name"`
	Colour    string   `json:"colour"`
	Theme     string   `json:"theme"`
	Contact   string   `json:"contact"`
	LogoType  string   `json:"logo_type"`
	LogoBytes int      `json:"logo_bytes"`
	Dropped   []string `json:"logo_dropped,omitempty"`
}

const themeAuto = "auto" // by the payer's device; stored as ""

func (a *app) brandSet() *cobra.Command {
	var slug, name, logoFile, colour, theme, contact string
	c := a.verb("set --merchant SLUG", "Change what is given, leave the rest; an empty value takes away", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		var change gateway.BrandChange
		given := func(flag string, value *string) *string {
			if c.Flags().Changed(flag) {
				return value
			}
			return nil
		}
		if theme == themeAuto {
			theme = ""
		}
		colour = strings.ToLower(colour)
		change.Name, change.Colour, change.Theme, change.Contact = given("name", &name), given("colour", &colour), given("theme", &theme), given("contact", &contact)
		if c.Flags().Changed("logo") {
			data, err := readLogo(logoFile)
			if err != nil {
				return err
			}
			change.Logo = &data
		}
		if change == (gateway.BrandChange{}) {
			return usagef("brand set: nothing to change: give --name, --logo, --colour, --contact or --theme")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		dropped, err := ad.SetBrand(c.Context(), slug, change)
		if err != nil {
			return err
		}
		return a.showBrand(c, ad.store, slug, dropped)
	})
	f := c.Flags()
	f.StringVar(&name, "name", "", "name that payers see (default: the merchant's)")
	f.StringVar(&logoFile, "logo", "", fmt.Sprintf("PNG or SVG file, at most %d KiB, a PNG at most %d × %d", logo.MaxBytes>>10, logo.MaxPixels, logo.MaxPixels))
	f.StringVar(&colour, "colour", "", "#rrggbb")
	f.StringVar(&contact, "contact", "", "whom payers may ask: an e-mail address, a phone number")
	f.StringVar(&theme, "theme", "", "light, dark, or auto for what the payer's device prefers")
	return ofMerchant(c, &slug)
}

// readLogo reads a file no further than it may be taken.
func readLogo(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, logo.MaxBytes+1))
}

func (a *app) brandShow() *cobra.Command {
	var slug string
	c := a.verb("show --merchant SLUG", "Show what is set", cobra.NoArgs, a.read(&slug, func(c *cobra.Command, s *store.Store, _ store.Merchant) error {
		return a.showBrand(c, s, slug, nil)
	}))
	return ofMerchant(c, &slug)
}

func (a *app) showBrand(c *cobra.Command, s *store.Store, slug string, dropped []string) error {
	m, err := s.Read().GetMerchant(c.Context(), slug)
	if err != nil {
		return notFound(err, "merchant", slug)
	}
	row, err := s.Read().GetBrand(c.Context(), m.ID)
	if ignoreNoRows(err) != nil {
		return err
	}
	doc := brandDoc{row.Name, row.Colour, row.Theme, row.Contact, row.LogoType, len(row.Logo), dropped}
	if doc.Theme == "" {
		doc.Theme = themeAuto
	}
	return a.print(doc, func(w io.Writer) {
		picture := "none"
		if doc.LogoType != "" {
			picture = fmt.Sprintf("%s, %d bytes", doc.LogoType, doc.LogoBytes)
		}
		pairs(w, [2]string{"name", dash(doc.Name)}, [2]string{"colour", dash(doc.Colour)}, [2]string{"theme", doc.Theme},
			[2]string{"contact", dash(doc.Contact)}, [2]string{"logo", picture}, [2]string{"left out of it", strings.Join(doc.Dropped, ", ")})
	})
}

func (a *app) brandClear() *cobra.Command {
	var slug string
	c := a.verb("clear --merchant SLUG", "Go back to the window's own look", cobra.NoArgs,
		a.change(func(c *cobra.Command, ad *admin) (any, string, error) {
			err := ad.ClearBrand(c.Context(), slug)
			return map[string]string{"cleared": slug}, "the brand of " + slug + " is cleared", err
		}))
	return ofMerchant(c, &slug)
}
