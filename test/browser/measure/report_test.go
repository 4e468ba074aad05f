package main

import (
	"bytes"
	"strings"
	"testing"
)

// Each budget is kept at its limit and exceeded by one more, and the screen that exceeds it is named.
func TestBudgets(t *testing.T) {
	atMost := weight{Total: maxTotalBytes, OwnScript: maxScriptBytes, RoundTrips: maxRoundTrips, ThirdParty: maxThirdParty, Fonts: maxFonts}
	for name, exceed := range map[string]func(*weight){
		"":                                      func(*weight) {},
		"bytes in all":                          func(w *weight) { w.Total++ },
		"bytes of own JavaScript, uncompressed": func(w *weight) { w.OwnScript++ },
		"round trips after the HTML":            func(w *weight) { w.RoundTrips++ },
		"requests to third parties":             func(w *weight) { w.ThirdParty++ },
		"fonts":                                 func(w *weight) { w.Fonts++ },
	} {
		t.Run(name, func(t *testing.T) {
			heavy := atMost
			exceed(&heavy)
			r := &report{Screens: []measured{
				{Screen: "pay", Language: "en", weight: atMost}, {Screen: "pay", Language: "hi", weight: heavy}, {Screen: "result", Language: "en"},
			}}
			r.judge()
			var exceeded []string
			for _, b := range r.Budgets {
				if b.Exceeded {
					exceeded = append(exceeded, b.Name)
					if b.Screen != "pay, hi" {
						t.Errorf("%s is exceeded by %q", b.Name, b.Screen)
					}
				}
			}
			if got := strings.Join(exceeded, "; "); got != name {
				t.Errorf("exceeded: %q", got)
			}
			var told bytes.Buffer
			if code := r.verdict(&told); (code == exitFailed) != (name != "") || !strings.Contains(told.String(), name) {
				t.Errorf("exit %d\n%s", code, &told)
			}
			var table bytes.Buffer
			if err := r.write(&table); err != nil || strings.Contains(table.String(), "EXCEEDED") != (name != "") {
				t.Errorf("%v\n%s", err, &table)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	list := []timing{{FirstByte: 9, Paint: 1, Usable: 5}, {FirstByte: 1, Paint: 2, Usable: 5}, {FirstByte: 2, Paint: 30, Usable: 6}}
	if got, want := middle(list), (timing{FirstByte: 2, Paint: 2, Usable: 5}); got != want {
		t.Errorf("of three: %+v", got)
	}
	if got, want := middle(list[:2]), (timing{FirstByte: 5, Paint: 1, Usable: 5}); got != want {
		t.Errorf("of two: %+v", got)
	}
}

// The names of all screens fit where tables put them.
func TestNamesFit(t *testing.T) {
	for _, of := range screens {
		for _, language := range languages {
			if name := (measured{Screen: of.name, Language: language}).name(); len(name) > nameWidth {
				t.Errorf("%q has %d letters", name, len(name))
			}
		}
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range []string{"--runs 0", "--runs 101", "--runs many", "--fast", "methods"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), "-runs") {
			t.Errorf("%s: exit %d\n%s\n%s", args, code, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitDone || stdout.Len() > 0 {
		t.Errorf("help: exit %d\n%s", code, &stdout)
	}
}
