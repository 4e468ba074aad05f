package window

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// retryAfterSeconds is what a 503 asks its caller to wait.
const retryAfterSeconds = "1"

// screen is a page with its HTTP code.
type screen struct {
	Page
	code int // 0 for 200
}

// page makes a handler of a function that answers a visit with a screen, with a redirect of its own (nil), or with an
// error, which becomes a problem page.
func (x *Window) page(handle func(http.ResponseWriter, *http.Request, *visit) (*screen, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.OnPanic(w, func(w http.ResponseWriter) {
			brokenPage(w, MatchLanguage("", r.Header.Get("Accept-Language"), Languages()))
		})
		v, err := x.open(w, r)
		var s *screen
		if err == nil {
			web.OnPanic(w, func(w http.ResponseWriter) { brokenPage(w, v.lang) })
			s, err = handle(w, r, v)
		}
		if err != nil {
			s = problemScreen(w, problemOf(w, err))
		}
		if s != nil {
			x.write(w, r, v, s)
		}
	})
}

// data makes a handler for scripts: its errors are JSON.
func (x *Window) data(handle func(http.ResponseWriter, *http.Request, *visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := x.open(w, r)
		if err == nil {
			err = handle(w, r, v)
		}
		if err == nil {
			return
		}
		p := problemOf(w, err)
		if p.status >= http.StatusInternalServerError {
			web.Fault(w, p.status, p.code)
			return
		}
		web.Fail(w, p.code400(), p.code)
	})
}

// public serves what needs no merchant and may be read by any page.
func (x *Window) public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		next.ServeHTTP(w, r)
	})
}

// refuse answers what is not in the table of routes.
func (x *Window) refuse(w http.ResponseWriter, r *http.Request, code int) {
	v := &visit{directory: x.Gateway.Directory(), base: "/"}
	v.lang = v.language(r)
	x.write(w, r, v, problemScreen(w, &problem{code: "not_found", detail: "not_found", status: code}))
}

func (p *problem) code400() int {
	if p.status == 0 {
		return http.StatusBadRequest
	}
	return p.status
}

// problemOf is the one table from errors to problems. What is nobody's fault stays in the log.
func problemOf(w http.ResponseWriter, err error) *problem {
	var known *problem
	var refusal *gateway.Refusal
	unavailable := &problem{code: "unavailable", detail: "unavailable", status: http.StatusServiceUnavailable}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refusal):
		// As on the API this is an outcome, not a fault: nobody's link is wrong.
		return &problem{code: refusal.Code, detail: refusal.Code, status: http.StatusOK, support: true}
	case errors.Is(err, web.ErrTooLarge):
		w.Header().Set("Connection", "close") // what is left of the body isn't waited for
		return &problem{code: "form_too_large", detail: "request_invalid", status: http.StatusRequestEntityTooLarge}
	case errors.Is(err, web.ErrCutShort):
		return &problem{code: "form_cut_short", detail: "request_invalid"}
	case errors.Is(err, gateway.ErrBusy), errors.Is(err, gateway.ErrUnknown):
	case errors.Is(err, gateway.ErrClosed):
		w.Header().Set("Connection", "close")
	default:
		unavailable.status = http.StatusInternalServerError
	}
	web.Note(w, slog.String("error", err.Error()))
	if unavailable.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	return unavailable
}

func problemScreen(w http.ResponseWriter, p *problem) *screen {
	web.Note(w, slog.String("problem", p.code))
	return &screen{code: p.code400(), Page: Page{Problem: &ProblemScreen{
		Code: p.code, Parameter: p.parameter, Detail: p.detail, Support: p.support,
	}}}
}

// write renders a screen. The whole page is built before its first byte goes out: a half page can't become an error. It may
// be compressed although it repeats what the link says: it holds no secret from whoever has the link.
func (x *Window) write(w http.ResponseWriter, r *http.Request, v *visit, s *screen) {
	x.frame(&s.Page, v)
	const nonceSize = 16
	var raw [nonceSize]byte
	rand.Read(raw[:])
	nonce := hex.EncodeToString(raw[:])
	var body bytes.Buffer
	if err := Render(&body, s.Page, nonce); err != nil {
		web.Note(w, slog.String("error", "render: "+err.Error()))
		brokenPage(w, v.lang)
		return
	}
	ancestors := []string{"'self'"}
	if v.merchant != nil {
		ancestors = append(ancestors, v.merchant.Origins()...)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", ContentSecurityPolicy(nonce, ancestors))
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Vary", "Accept-Encoding")
	content := body.Bytes()
	if takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		content = compress(content)
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	if s.code == 0 {
		s.code = http.StatusOK
	}
	w.WriteHeader(s.code)
	_, _ = w.Write(content) // an error means that the payer is gone
}

// brokenPage answers where a bug keeps the page from being made: with words only, as nothing else can be trusted now.
func brokenPage(w http.ResponseWriter, lang string) {
	body := fmt.Sprintf("<!doctype html>\n<html lang=%q>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"+
		"<title>%[2]s</title>\n<main data-screen=\"problem\" data-status=\"problem\" data-code=\"unavailable\"><h1>%[2]s</h1>\n<p>%s</p></main>\n",
		lang, html.EscapeString(translate(lang, "wait.heading")), html.EscapeString(translate(lang, "problem.unavailable")))
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, body) // an error means that the payer is gone
}

// frame fills in what every page has.
func (x *Window) frame(p *Page, v *visit) {
	p.Lang, p.Simulated = v.lang, x.Simulated || v.merchant != nil && v.merchant.Sandbox
	if v.merchant == nil {
		return
	}
	if p.Action == "" {
		p.Action = v.url(v.link.choices)
	}
	brand := v.merchant.Brand()
	p.Brand = Brand{Name: brand.Name, Colour: brand.Colour, Theme: brand.Theme, Contact: brand.Contact}
	if len(brand.Logo) > 0 {
		p.Brand.LogoURL = v.base + "logo?v=" + logoTag(brand.Logo)
	}
	p.Languages = v.languageLinks()
}

// languageLinks is the switch, the current language first.
func (v *visit) languageLinks() []LanguageLink {
	list := []LanguageLink{{}}
	for _, lang := range v.languages() {
		c := v.link.choices
		c.lang = lang
		item := LanguageLink{Lang: lang, Name: LanguageName(lang), URL: v.link.at(v.base, c)}
		if lang == v.lang {
			list[0] = item
			continue
		}
		list = append(list, item)
	}
	if list[0].Lang == "" {
		return list[1:]
	}
	return list
}
