package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const (
	// patience bounds every wait for something that must come.
	patience = time.Minute
	// glance is how often a page is asked whether it is there.
	glance = 20 * time.Millisecond
)

// chromium is a running browser.
type chromium struct {
	ctx     context.Context
	version string
	close   func()
}

func openChromium(ctx context.Context) (*chromium, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("chromium (Debian: apt-get install chromium) is needed: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")) // nothing but loopback
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	tab, stopBrowser := chromedp.NewContext(allocator)
	c := &chromium{ctx: tab, close: func() { stopBrowser(); stopAllocator() }}
	version, err := chromedp.CallBrowser(tab, browser.GetVersion, cdp.Empty{})
	if err != nil {
		c.close()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	c.version = version.Product
	return c, nil
}

// visit runs f in a browser that knows nothing of the site: no cache, no connections.
func (c *chromium) visit(p profile, f func(context.Context) error) error {
	tab, stop := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	defer stop()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.EmulateViewport(viewWidth, viewHeight, chromedp.EmulateMobile), chromedp.Func(p.play))
	if err != nil {
		return err
	}
	return f(ctx)
}

// play slows the phone and its network down.
func (p profile) play(ctx context.Context, target *chromedp.Target) error {
	_, err := cdp.Call(ctx, target, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: cpuSlowdown})
	if err == nil && p.conditions != nil {
		_, err = cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{p.conditions},
		})
	}
	return err
}

// timing is how long a payer waits after the tap on the link, in milliseconds.
type timing struct {
	FirstByte int64 `json:"first_byte_ms"`
	Paint     int64 `json:"first_contentful_paint_ms"`
	Usable    int64 `json:"usable_ms"` // painted, styled, and the script has run
}

// state is what a page says of itself.
type state struct {
	Loaded bool   `json:"loaded"`
	Ready  bool   `json:"ready"`  // styled, the script has run, and what the payer uses is there
	Paint  int64  `json:"paint"`  // ms; 0: not yet
	Parsed int64  `json:"parsed"` // ms; the page is read and its scripts have run, which wait for styles
	Inline int64  `json:"inline"` // JavaScript in the page, bytes
	Icon   string `json:"icon"`   // its address
}

const askState = `(() => {
	const visit = performance.getEntriesByType('navigation')[0], paint = performance.getEntriesByName('first-contentful-paint')[0];
	const use = document.querySelector(%q);
	return {
		loaded: document.readyState === 'complete',
		ready: document.documentElement.classList.contains('js') && document.styleSheets.length > 0 && !!use && !use.disabled && use.getClientRects().length > 0,
		paint: paint ? Math.ceil(paint.startTime) : 0,
		parsed: Math.round(visit.domContentLoadedEventEnd),
		inline: [...document.scripts].reduce((sum, s) => sum + (s.src ? 0 : new Blob([s.textContent]).size), 0),
		icon: document.querySelector('link[rel="icon"]')?.href ?? '',
	};
})()`

// load opens a link as a first visit and measures it.
func (c *chromium) load(link, use string, p profile) (w weight, t timing, err error) {
	err = c.visit(p, func(ctx context.Context) error {
		traffic := newTraffic()
		if err := chromedp.Listen(ctx, traffic.see); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(link)); err != nil {
			return err
		}
		s, err := settle(ctx, traffic, use)
		if err != nil {
			return err
		}
		t = timing{FirstByte: traffic.firstByte(), Paint: s.Paint, Usable: max(s.Parsed, s.Paint)}
		w, err = traffic.weigh(s.Inline)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s on %s: %w", link, p.Name, err)
	}
	return w, t, err
}

// settle waits until the page is painted and all that it asked for is there.
func settle(ctx context.Context, traffic *traffic, use string) (state, error) {
	ask := chromedp.Evaluate[state](fmt.Sprintf(askState, use))
	for {
		s, err := chromedp.Run(ctx, ask)
		if err != nil {
			return s, err
		}
		settled, err := traffic.settled(s.Icon)
		switch {
		case err != nil:
			return s, err
		case settled && s.Loaded && s.Paint > 0 && !s.Ready:
			return s, errors.New("the page is there, but without style, script or " + use)
		case settled && s.Loaded && s.Paint > 0:
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("the page doesn't come to rest: %w", ctx.Err())
		case <-time.After(glance):
		}
	}
}

// claim sends the number of a result screen, as its payer does, and waits for the result.
func (c *chromium) claim(link string, of screen) error {
	return c.visit(profile{}, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.Navigate(link), chromedp.SendKeys(numberField, of.number), chromedp.Submit(numberField),
			chromedp.WaitVisible(of.use))
	})
}
