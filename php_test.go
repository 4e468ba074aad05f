package galla

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// phpPayloads is how many random postbacks PHP checks.
const phpPayloads = 10_000

// TestPostbackPHP lets a real PHP decode and re-encode random postbacks as receivers do: the signature must match and
// every byte must come back. REQUIRE_PHP=1, which the test command sets, turns a missing php into a failure.
func TestPostbackPHP(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		if os.Getenv("REQUIRE_PHP") == "1" {
			t.Fatal("php is required: install php-cli")
		}
		t.Skip("no php in PATH: install php-cli, or see `make test`")
	}
	random := rand.New(rand.NewPCG(2026, 11))
	var input bytes.Buffer
	bodies := make([][]byte, phpPayloads)
	for i := range bodies {
		want := randomPostback(random)
		bodies[i] = want.AppendBody(nil, "pub", "priv")
		input.Write(bodies[i])
		input.WriteByte('\n')
		checkReadsBack(t, bodies[i], want)
	}
	command := exec.Command(php, "-n", "testdata/reencode.php")
	command.Env = append(os.Environ(), "ACCESS_KEY=pub", "PRIVATE_KEY=priv")
	command.Stdin = &input
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("php: %v\n%s", err, stderr.String())
	}
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	checked, differences := 0, 0
	for ; lines.Scan(); checked++ {
		if lines.Text() == "ok" {
			continue
		}
		if differences++; differences <= 5 {
			t.Errorf("payload %d: php says: %s\nsent: %s", checked, lines.Text(), bodies[checked])
		}
	}
	if checked != phpPayloads || differences != 0 {
		t.Errorf("php checked %d of %d payloads, %d differ", checked, phpPayloads, differences)
	}
}

// checkReadsBack verifies a body as a Go receiver does and compares what it reads with what was sent.
func checkReadsBack(t *testing.T, body []byte, want Postback) {
	t.Helper()
	got, err := VerifyPostback(body, http.Header{}, PostbackKeys{AccessKey: "pub", PrivateKey: "priv"}, time.Time{})
	if err != nil {
		t.Fatalf("VerifyPostback: %v\n%s", err, body)
	}
	want.AccessKey = "pub"
	if got != want {
		t.Fatalf("read back %+v\nwant %+v", got, want)
	}
}

func randomPostback(random *rand.Rand) Postback {
	text := func() string { return randomText(random) }
	p := Postback{
		WalletType:      "phone_pe",
		Amount:          money.Money{Minor: randomMinor(random), Currency: money.INR},
		Label:           text(),
		Direction:       DirectionDeposit,
		CreatedDatetime: FormatTime(time.Unix(random.Int64N(4e9), 0), time.UTC),
		Data: PostbackData{
			ActivatedDatetime:   FormatTime(time.Unix(random.Int64N(4e9), 0), time.UTC),
			ExchangerIdentifier: text(),
			Comment:             text(),
			StockpilingID:       random.Int64(),
			TransactionID:       text(),
			PluginCustomOrderID: text(),
			AccountNumber:       text(),
			AccountName:         text(),
			AccountEmail:        text(),
			BankCode:            text(),
			BranchCode:          text(),
		},
	}
	if random.IntN(3) == 0 {
		p.Direction = DirectionWithdrawal
		p.Data.PluginCustomOrderID = ""
		p.Data.WithdrawalID = text()
		p.Data.WithdrawalStatus = WithdrawalFailed
	}
	if random.IntN(3) == 0 {
		p.Amount.Currency = money.BDT
		p.Converted = money.Money{Minor: randomMinor(random), Currency: money.INR}
	}
	return p
}

// randomMinor has as many small and round amounts as large ones.
func randomMinor(random *rand.Rand) int64 {
	minor := random.Int64N(99_999_999_999_999) >> random.IntN(46)
	if random.IntN(3) == 0 {
		minor -= minor % 100
	}
	return minor
}

// randomText mixes what is dangerous in JSON with all of Unicode.
func randomText(random *rand.Rand) string {
	const dangerous = "\"\\/<>&'\b\f\n\r\t\x00\x01\x1f\x7f\u0080\u2028\u2029\ufeff\ufffd₹ओके😀{}[]:,+-.0123456789abcABC u2028"
	alphabet := []rune(dangerous)
	var b strings.Builder
	for range random.IntN(12) {
		if random.IntN(3) > 0 {
			b.WriteRune(alphabet[random.IntN(len(alphabet))])
			continue
		}
		if r := rune(random.IntN(utf8.MaxRune + 1)); utf8.ValidRune(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}
