package browser

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/galla-gateway/galla/internal/window"
)

// The QR of a wallet and amount, as the browser draws it, says exactly what the app must read.
func TestQRsDecode(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Fatal("zbarimg (Debian: zbar-tools) is needed:", err)
	}
	const total, perPage = 1000, 50
	random := rand.New(rand.NewPCG(1, 2))
	var html string
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, html) }))
	defer pages.Close()
	b := newTab(t, nil, look{lang: "en", width: 1000, height: 1000})
	for first := 0; first < total; first += perPage {
		want := map[string]bool{}
		var page strings.Builder
		page.WriteString(`<!doctype html><style>div{width:300px;height:300px;display:inline-block;margin:20px;background:#fff}svg{width:300px;height:300px}</style>`)
		for range perPage {
			link := randomLink(random)
			svg, err := window.NewQR(link)
			if err != nil {
				t.Fatal(link, err)
			}
			want[link] = true
			page.WriteString("<div>" + string(svg) + "</div>")
		}
		html = page.String()
		b.do(chromedp.Navigate(pages.URL))
		for _, text := range b.decode(t) {
			if !want[text] {
				t.Errorf("a QR says %q, which none was to say", text)
			}
			delete(want, text)
		}
		for text := range want {
			t.Errorf("no QR says %q", text)
		}
	}
}

// decode reads every QR of the page.
func (b *tab) decode(t *testing.T) []string {
	t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "qr.png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path).Output()
	if err != nil {
		t.Fatal("zbarimg:", err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n")
}

func randomLink(random *rand.Rand) string {
	pick := func(letters string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	holders := []string{"Galla Shop", "A & B Traders", "दुकान", "Müller+Söhne", "O'Neil 100%"}
	amount := fmt.Sprintf("%d.%02d", 1+random.IntN(200000), random.IntN(100))
	return window.UPILink(pick("abcdefghijklmnopqrstuvwxyz0123456789.-", 3+random.IntN(20))+"@"+pick("abcdefghijklmnop", 3+random.IntN(6)),
		holders[random.IntN(len(holders))], amount, "INR", "order "+pick("0123456789", 8))
}
