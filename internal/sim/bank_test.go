package sim

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/money"
)

var payer = Person{Name: "PAYER NAME", VPA: "payer.name@ybl"}

func inr(t testing.TB, text string) money.Money {
	t.Helper()
	m, err := money.Parse(text, money.INR)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// inbox keeps what a phone would get.
type inbox struct {
	messages []SMS
	after    []time.Duration
}

func (b *inbox) take(message SMS, after time.Duration) {
	b.messages, b.after = append(b.messages, message), append(b.after, after)
}

func TestMessagesAreReadAsWhatWasPaid(t *testing.T) {
	clock := testkit.NewClock()
	reader := evidence.NewReader(nil)
	for _, style := range Styles {
		t.Run(style.Name, func(t *testing.T) {
			for _, amount := range []string{"1", "250.5", "1800", "133061.75"} {
				var box inbox
				bank := NewBank(1, clock.Now)
				bank.Open(Account{"6234234234", style, "2536"}, box.take)
				paid, err := bank.Pay(payer, "6234234234", inr(t, amount), time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				if len(box.messages) != 1 || box.after[0] != time.Minute {
					t.Fatalf("the phone got %+v", box)
				}
				sms := box.messages[0]
				got := reader.Read(evidence.Message{Sender: sms.Sender, Text: sms.Text, ReceivedAt: sms.At}, clock.Now())
				if got.Outcome != evidence.Credit || got.Number != paid.Number || got.Amount != paid.Amount || got.Tail != "2536" {
					t.Errorf("%q was read as %+v", sms.Text, got)
				}
				if !got.HeaderKnown || got.Bank != style.Name || got.Template == evidence.GenericTemplate {
					t.Errorf("%q of %s: bank %q by template %q", sms.Text, sms.Sender, got.Bank, got.Template)
				}
				if at := evidence.OccurredAt(got.OccurredAt, got.Precision, sms.At); clock.Now().Sub(at).Abs() >= time.Second {
					t.Errorf("%q happened at %v, not at %v", sms.Text, at, clock.Now())
				}
			}
		})
	}
}

func TestDisturbancesAreNoCredits(t *testing.T) {
	clock := testkit.NewClock()
	reader := evidence.NewReader(nil)
	bank := NewBank(1, clock.Now)
	outcomes := map[evidence.Outcome]bool{}
	for _, style := range Styles {
		var box inbox
		bank.Open(Account{"6234234234", style, "2536"}, box.take)
		for range 50 {
			sms, err := bank.Disturb("6234234234")
			if err != nil {
				t.Fatal(err)
			}
			got := reader.Read(evidence.Message{Sender: sms.Sender, Text: sms.Text, ReceivedAt: sms.At}, clock.Now())
			if outcomes[got.Outcome] = true; got.Outcome == evidence.Credit {
				t.Errorf("%q was read as a credit", sms.Text)
			}
			if strings.ContainsAny(sms.Text, "{}") {
				t.Errorf("%q isn't filled in", sms.Text)
			}
		}
		if len(box.messages) != 50 {
			t.Errorf("the phone got %d messages", len(box.messages))
		}
	}
	for _, want := range []evidence.Outcome{evidence.OTP, evidence.Reversal, evidence.Refused} {
		if !outcomes[want] {
			t.Errorf("no disturbance was read as %v", want)
		}
	}
	if _, err := bank.Disturb("6000000000"); err == nil {
		t.Error("a phone that doesn't exist got a message")
	}
}

func TestNumbersNeverRepeat(t *testing.T) {
	clock := testkit.NewClock() // 22 November 2026 is day 326
	bank := NewBank(7, clock.Now)
	bank.Open(Account{"6234234234", HDFC, "2536"}, nil)
	shape := regexp.MustCompile(`^6326[0-9]{8}$`)
	seen := map[string]bool{}
	for range 20_000 {
		paid, err := bank.Pay(payer, "6234234234", inr(t, "1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[paid.Number] || !shape.MatchString(paid.Number) {
			t.Fatalf("number %s, seen before: %v", paid.Number, seen[paid.Number])
		}
		seen[paid.Number] = true
		if typed := bank.Mistype(paid.Number); typed == paid.Number || len(typed) != 12 {
			t.Fatalf("%s was mistyped as %s", paid.Number, typed)
		}
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	clock := testkit.NewClock()
	run := func(seed uint64) (all string) {
		var box inbox
		bank := NewBank(seed, clock.Now)
		bank.Open(Account{"6234234234", SBI, "9709"}, box.take)
		for range 20 {
			paid, err := bank.Pay(payer, "6234234234", inr(t, "5"), 0)
			if err != nil {
				t.Fatal(err)
			}
			all += paid.Number + paid.AppID
		}
		for _, sms := range box.messages {
			all += sms.Sender + sms.Text
		}
		return all
	}
	if run(3) != run(3) {
		t.Error("two runs with one seed differ")
	}
	if run(3) == run(4) {
		t.Error("two seeds make the same world")
	}
}

func TestPayRefuses(t *testing.T) {
	bank := NewBank(1, testkit.NewClock().Now)
	var box inbox
	bank.Open(Account{"6234234234", HDFC, "2536"}, box.take)
	for name, try := range map[string]struct {
		to     string
		amount money.Money
	}{
		"unknown wallet": {"6234234235", inr(t, "5")},
		"nothing":        {"6234234234", inr(t, "0")},
		"other currency": {"6234234234", money.Money{Minor: 500, Currency: "BDT"}},
	} {
		if paid, err := bank.Pay(payer, try.to, try.amount, 0); err == nil {
			t.Errorf("%s: %+v", name, paid)
		}
	}
	if _, err := bank.Pay(payer, "6234234234", inr(t, "5"), -1); err != nil || len(box.messages) != 0 {
		t.Errorf("a message that never comes: %v, %d came", err, len(box.messages))
	}
}

func TestLakhs(t *testing.T) {
	for amount, want := range map[string]string{
		"0.5": "0.50", "7": "7.00", "999": "999.00", "1000": "1,000.00", "99999": "99,999.00", "100000": "1,00,000.00",
		"1330614.75": "13,30,614.75", "123456789": "12,34,56,789.00",
	} {
		if got := lakhs(inr(t, amount)); got != want {
			t.Errorf("%s: %s, want %s", amount, got, want)
		}
	}
}
