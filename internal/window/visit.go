package window

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
)

// visit is one request for a window: whose it is, its link, and how to talk to the payer.
type visit struct {
	merchant  *gateway.Merchant // nil: the host or path names none
	directory *gateway.Directory
	base      string // path of the window: "/" or "/plugin/shop/"
	link      link
	lang      string
	client    netip.Addr
	expired   bool // the link was genuine and its time is over: it only shows what has begun, and takes a number
}

// open reads what a request asks for. The visit is usable for a problem page also where there is an error.
func (x *Window) open(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{directory: x.Gateway.Directory(), base: "/", client: web.ClientIP(r, x.TrustedProxies)}
	if slug := r.PathValue("slug"); slug != "" {
		v.base = "/plugin/" + url.PathEscape(slug) + "/"
	}
	var bad *problem
	v.link, bad = parse(r.URL.RawQuery)
	// The query holds the payer, the order and tokens: from here on it is the visit's, and nothing can log it.
	r.URL.RawQuery, r.RequestURI = "", r.URL.EscapedPath()
	v.lang = v.language(r)
	m, ok := x.merchantOf(r, v.directory)
	if !ok {
		return v, &problem{code: "merchant_unknown", detail: "merchant_unknown", status: http.StatusNotFound}
	}
	v.merchant = m
	v.link.choices.parent = parentOf(r, v.link.choices.parent, m.Origins())
	web.Note(w, slog.String("merchant", m.Slug))
	if bad != nil {
		return v, bad
	}
	web.Note(w, slog.String("order", v.link.orderID))
	return v, x.checkSignature(v)
}

// merchantOf finds the merchant that the path names, else the host.
func (x *Window) merchantOf(r *http.Request, directory *gateway.Directory) (*gateway.Merchant, bool) {
	if slug := r.PathValue("slug"); slug != "" {
		return directory.MerchantBySlug(slug)
	}
	switch named := web.ParseHost(web.RequestHost(r, x.TrustedProxies), x.BaseHost); {
	case named.Slug != "":
		return directory.MerchantBySlug(named.Slug)
	case named.Domain != "":
		return directory.MerchantByDomain(named.Domain)
	}
	return directory.MerchantBySlug(x.DefaultMerchant)
}

// checkSignature refuses a link that the merchant didn't sign, where it wants them signed.
func (x *Window) checkSignature(v *visit) error {
	if !v.merchant.Policy.SignedLinks {
		return nil
	}
	query := v.link.merchantQuery()
	now := x.Now()
	err := error(galla.ErrLink)
	for _, key := range v.merchant.RedirectKeys(now) {
		if err = galla.VerifyLink(key, v.merchant.Slug, query, now); err == nil || errors.Is(err, galla.ErrLinkExpired) {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, galla.ErrLinkExpired):
		v.expired = true
		return nil
	case !query.Has("signature"):
		return &problem{code: "link_unsigned", parameter: "signature", detail: "link_unsigned"}
	}
	return &problem{code: "link_forged", parameter: "signature", detail: "link_forged"}
}

// methods are those that the payer may choose from now.
func (v *visit) methods() []method.Method {
	return slices.DeleteFunc(v.directory.Methods(v.merchant), func(m method.Method) bool { return !v.link.takes(m) })
}

// languages are those of the methods that the link allows.
func (v *visit) languages() []string {
	var names []string
	for _, m := range method.All() {
		if v.link.takes(m) {
			names = append(names, m.Name)
		}
	}
	return Languages(names...)
}

func (v *visit) language(r *http.Request) string {
	wanted := v.link.choices.lang
	if !slices.Contains(v.languages(), wanted) {
		wanted = v.link.lang
	}
	return MatchLanguage(wanted, r.Header.Get("Accept-Language"), v.languages())
}

// url is the same link with other choices; language and embedding page stay.
func (v *visit) url(c choices) string {
	c.lang, c.parent = v.link.choices.lang, v.link.choices.parent
	return v.link.at(v.base, c)
}

// below is an address of the same order for scripts.
func (v *visit) below(name string) string { return v.link.at(v.base+name, choices{}) }

// parentOf is the origin of the page that embeds this one and is told of changes, "" for none: only one that the merchant
// registered. The first page knows it by the Referer; the pages after it, which come from our own, by the link. Inventing
// one in a link gives nothing: the browser tells a parent of another origin nothing.
func parentOf(r *http.Request, carried string, origins []string) string {
	if slices.Contains(origins, carried) {
		return carried
	}
	if into := r.Header.Get("Sec-Fetch-Dest"); into != "" && into != "iframe" && into != "frame" {
		return ""
	}
	from, err := url.Parse(r.Header.Get("Referer"))
	if err != nil || from.Host == "" {
		return ""
	}
	if origin := strings.ToLower(from.Scheme + "://" + from.Host); slices.Contains(origins, origin) {
		return origin
	}
	return ""
}
