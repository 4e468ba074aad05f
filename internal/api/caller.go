package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/web"
)

// merchant finds out who asks. Everything wrong is errNotFound; the log alone tells which.
func (a *api) merchant(w http.ResponseWriter, r *http.Request) (*gateway.Merchant, error) {
	secret, err := web.TakeSecret(r)
	m, why := a.merchantOf(w, r, secret, err)
	if why != "" {
		web.Note(w, slog.String("denied", why))
		return nil, errNotFound
	}
	return m, nil
}

// merchantOf is the merchant of a secret that a request brought, or of the error of taking it: the secret names the
// merchant, and neither the host name nor the caller's address may speak against it. why is for the log alone, "" when
// nothing is wrong.
func (a *api) merchantOf(w http.ResponseWriter, r *http.Request, secret keyring.Secret, given error) (m *gateway.Merchant, why string) {
	if given != nil {
		return nil, "no_secret"
	}
	directory := a.Gateway.Directory()
	m, ok := directory.MerchantBySecret(secret, a.Now())
	if !ok {
		return nil, "unknown_secret"
	}
	web.Note(w, slog.String("merchant", m.Slug))
	if !a.hostAgrees(directory, web.RequestHost(r, a.TrustedProxies), m) {
		return nil, "other_host"
	}
	if len(m.Policy.AllowIP) > 0 && !contains(m.Policy.AllowIP, web.ClientIP(r, a.TrustedProxies)) {
		return nil, "address_not_allowed"
	}
	return m, ""
}

// hostAgrees reports whether the host names the merchant or none at all. A slug that nobody has names somebody else.
func (a *api) hostAgrees(directory *gateway.Directory, host string, m *gateway.Merchant) bool {
	switch named := web.ParseHost(host, a.BaseHost); {
	case named.Slug != "":
		return named.Slug == m.Slug
	case named.Domain != "":
		owner, ok := directory.MerchantByDomain(named.Domain)
		return !ok || owner.ID == m.ID
	case named.Surface == web.SurfaceAPI || named.Surface == web.SurfaceWindow:
		return a.DefaultMerchant == "" || a.DefaultMerchant == m.Slug
	}
	return true
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// tokenPath is the route whose last part is a source's token.
const tokenPath = "/evidence/v1/forward/"

// takePathToken returns the token in the path and hides it there, so that nothing after it can log one.
func takePathToken(r *http.Request) keyring.Secret {
	token := keyring.Secret(r.PathValue("token"))
	r.SetPathValue("token", token.String())
	r.URL.Path, r.URL.RawPath = tokenPath+token.String(), ""
	r.RequestURI = r.URL.RequestURI()
	return token
}

// source finds the source of a token. wanted says which kinds may use the route.
func (a *api) source(w http.ResponseWriter, token keyring.Secret, wanted func(evidence.SourceKind) bool) (*gateway.Source, error) {
	source, ok := a.Gateway.Directory().SourceByToken(token)
	if !ok {
		return nil, &denial{http.StatusUnauthorized, "Unknown token"}
	}
	web.Note(w, slog.Int64("source", source.ID))
	switch {
	case !wanted(source.Kind):
		return nil, &denial{http.StatusForbidden, fmt.Sprintf("This token is of a source of kind %s: send to %s", source.Kind, routeOf(source.Kind))}
	case source.State != gateway.SourceActive:
		return nil, &denial{http.StatusForbidden, fmt.Sprintf("This source is %s. Nothing was stored: send again when it is active", source.State)}
	}
	return source, nil
}

// routeOf tells the owner of a token where it belongs.
func routeOf(kind evidence.SourceKind) string {
	switch kind {
	case evidence.SourceTransfers:
		return "/evidence/v1/transfers"
	case evidence.SourceSMS:
		return "/evidence/v1/messages"
	}
	return tokenPath + "{token}"
}
