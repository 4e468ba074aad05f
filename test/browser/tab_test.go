package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pictures names a folder that every screen of the walk is saved to, for people to look at.
const pictures = "GALLA_PICTURES"

// look is how a payer sees the window.
type look struct {
	lang          string
	width, height int64
	dark, script  bool
	framed        bool // in a page of the merchant
}

func (l look) String() string {
	name := fmt.Sprintf("%s %dx%d", l.lang, l.width, l.height)
	for _, word := range []struct {
		is      bool
		yes, no string
	}{{l.dark, " dark", " light"}, {l.script, "", " without script"}, {l.framed, " framed", ""}} {
		if word.is {
			name += word.yes
		} else {
			name += word.no
		}
	}
	return name
}

// looks are every combination.
func looks() (all []look) {
	for _, lang := range []string{"en", "hi"} {
		for _, size := range [][2]int64{{360, 740}, {1280, 800}} {
			for n := range 8 {
				all = append(all, look{lang, size[0], size[1], n&1 != 0, n&2 == 0, n&4 != 0})
			}
		}
	}
	return all
}

// tab is a page of the browser, with a payer's address of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	site *site
	look look
}

var payers atomic.Int64

func newTab(t *testing.T, s *site, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	theme := "light"
	if l.dark {
		theme = "dark"
	}
	b := &tab{t, ctx, s, l}
	// The first use opens the tab, and the end of that use's context closes it: so one without a time limit.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	// Behind a proxy, so that the payers of this test don't share one budget of guesses.
	n := payers.Add(1)
	address := fmt.Sprintf("203.0.%d.%d", n/250, n%250+1)
	b.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		if err == nil {
			_, err = cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
				Headers: network.Headers{"X-Forwarded-For": address},
			})
		}
		if err == nil && !l.script {
			_, err = cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		}
		return err
	}))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err, b.where())
	}
}

// open opens a link to the window: by itself, or in the merchant's page.
func (b *tab) open(link string) {
	b.t.Helper()
	if b.look.framed {
		link = b.site.shop.URL + "/embed?link=" + url.QueryEscape(link)
	}
	b.do(chromedp.Navigate(link))
}

func (b *tab) market() market { return markets[b.look.lang] }

// order is a new order, and a number that nobody used.
func (b *tab) order() (id, number string) { return b.site.order(b.market()) }

// link is a link of this look's language.
func (b *tab) link(order string, more ...string) string {
	return b.site.link(b.market(), order, append([]string{"lang", b.look.lang}, more...)...)
}

// fixed are the parameters of an amount to be paid by the market's method.
func (b *tab) fixed(amount string, more ...string) []string {
	return append(more, "wallet_type", b.market().method, "fixed_amount", amount)
}

// pay is the transfer, as the bank reports it.
func (b *tab) pay(number, amount string) {
	b.t.Helper()
	if err := b.site.pay(b.market(), number, amount); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate runs an expression beside the page's own scripts, in the frame that shows the window or, outside, in the tab's
// own page. It works where the page's scripts are off.
func (b *tab) evaluate(ctx context.Context, expression string, outside bool, into any) error {
	return chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		tree, err := cdp.Call(ctx, target, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		frame := tree.FrameTree
		if b.look.framed && !outside {
			if len(frame.ChildFrames) == 0 {
				return fmt.Errorf("the page holds no frame")
			}
			frame = frame.ChildFrames[0]
		}
		world, err := cdp.Call(ctx, target, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame.Frame.ID, WorldName: "test"})
		if err != nil {
			return err
		}
		yes := true
		result, err := cdp.Call(ctx, target, runtime.Evaluate, runtime.EvaluateParams{
			Expression: "(v => v instanceof Promise ? v.then(v => JSON.stringify(v) ?? 'null') : JSON.stringify(v) ?? 'null')(" + expression + ")", ContextID: world.ExecutionContextID, ReturnByValue: &yes, AwaitPromise: &yes,
		})
		if err != nil {
			return err
		}
		if result.ExceptionDetails != nil {
			return fmt.Errorf("%s", result.ExceptionDetails.Exception.Description)
		}
		var text string
		if err := json.Unmarshal([]byte(result.Result.Value), &text); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), into)
	}))
}

// ask evaluates an expression in the window.
func ask[T any](b *tab, expression string) (value T) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := b.evaluate(ctx, expression, false, &value); err != nil {
		b.t.Fatalf("%.80s: %v%s", expression, err, b.where())
	}
	return value
}

// until waits for an expression of the window to become true. A page that is just being replaced can't answer.
func (b *tab) until(expression string) {
	b.t.Helper()
	b.untilIn(expression, false)
}

// outside waits for an expression of the merchant's page, around the window, to become true.
func (b *tab) outside(expression string) {
	b.t.Helper()
	b.untilIn(expression, true)
}

func (b *tab) untilIn(expression string, outside bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	const pause = 20 * time.Millisecond
	for {
		var is bool
		err := b.evaluate(ctx, expression, outside, &is)
		if err == nil && is {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("never true: %s (%v)%s", expression, err, b.where())
		case <-time.After(pause):
		}
	}
}

// see waits for an element that is shown, on a page that is there.
func (b *tab) see(selector string) {
	b.t.Helper()
	b.until(`document.readyState === "complete" && (e => !!e && e.getClientRects().length > 0)(document.querySelector(` + quote(selector) + `))`)
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// touch clicks in the middle of an element, as a finger does: what lies over it takes the click.
func (b *tab) touch(selector string) {
	b.t.Helper()
	b.see(selector)
	at := ask[[2]float64](b, `(r => [r.x + r.width / 2, r.y + r.height / 2])((e => { e.scrollIntoView({block: "nearest"}); return e.getClientRects()[0] })(document.querySelector(`+
		quote(selector)+`)))`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// follow touches what leads to another page, and waits for that.
func (b *tab) follow(selector string) {
	b.t.Helper()
	b.see(selector)
	ask[bool](b, `window.left = true`)
	b.touch(selector)
	b.until(`window.left === undefined && document.readyState === "complete"`)
}

// paste replaces what is in a field.
func (b *tab) paste(field, text string) {
	b.t.Helper()
	b.touch(field)
	ask[any](b, `document.querySelector(`+quote(field)+`).select()`)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// picture saves the screen, when somebody wants to look at it.
func (b *tab) picture(screen string) {
	b.t.Helper()
	folder := os.Getenv(pictures)
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, strings.ReplaceAll(b.look.String()+" "+screen, " ", "-")+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// where tells what the page shows, for a failure.
func (b *tab) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var shown [2]string
	err := b.evaluate(ctx, `[location.href, document.body ? document.body.innerText : ""]`, false, &shown)
	return fmt.Sprintf("\nat %s (%v)\n%.1500s", shown[0], err, shown[1])
}
