package sim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/testkit"
)

// office is the server that phones forward to: what it received, in order, and how it answers.
type office struct {
	t      *testing.T
	clock  *testkit.Clock
	texts  []string
	status int
	server *httptest.Server
}

func newOffice(t *testing.T) *office {
	o := &office{t: t, clock: testkit.NewClock(), status: http.StatusOK}
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/evidence/v1/messages" || r.Header.Get("Authorization") != "Bearer token" {
		o.t.Errorf("%s %s %q: %v", r.Method, r.URL, r.Header, err)
	}
	messages, err := evidence.DecodeMessages(evidence.SourceSMS, r.Header.Get("Content-Type"), r.Header, body, "token", o.clock.Now())
	if err != nil || len(messages) != 1 || messages[0].Problem != "" || messages[0].Sender != "VM-HDFCBK-S" || messages[0].ReceivedAt.IsZero() {
		o.t.Errorf("%s was read as %+v: %v", body, messages, err)
	}
	o.texts = append(o.texts, messages[0].Text)
	w.WriteHeader(o.status)
	_, _ = io.WriteString(w, `{"results":[]}`)
}

// send lets a phone with the habits receive n messages and forwards what is due.
func (o *office) send(habits Habits, n int) *Phone {
	phone := NewPhone(1, o.server.URL, "token", habits, o.server.Client(), o.clock.Now)
	for i := range n {
		phone.Receive(SMS{"VM-HDFCBK-S", "<message & " + strconv.Itoa(i) + ">", o.clock.Now()}, 0)
	}
	phone.Forward(o.t.Context())
	return phone
}

func TestPhoneForwardsEachOnceInOrder(t *testing.T) {
	o := newOffice(t)
	phone := o.send(Habits{}, 3)
	if want := []string{"<message & 0>", "<message & 1>", "<message & 2>"}; !slices.Equal(o.texts, want) || phone.Waiting() != 0 {
		t.Errorf("%q came, %d wait", o.texts, phone.Waiting())
	}
	phone.Receive(SMS{"VM-HDFCBK-S", "x", o.clock.Now()}, 0)
	receipts := phone.Forward(t.Context())
	if len(receipts) != 1 || receipts[0].Status != 200 || string(receipts[0].Answer) != `{"results":[]}` ||
		string(receipts[0].Request) != `{"sender":"VM-HDFCBK-S","text":"x","received_at":"2026-11-22T10:00:00Z"}` {
		t.Errorf("receipts: %+v", receipts)
	}
}

func TestPhoneHabits(t *testing.T) {
	const n = 400
	distinct := func(texts []string) int {
		return len(slices.Compact(slices.Sorted(slices.Values(texts))))
	}
	t.Run("drop", func(t *testing.T) {
		o := newOffice(t)
		o.send(Habits{Drop: 50}, n)
		if got := len(o.texts); got < n/4 || got > 3*n/4 {
			t.Errorf("%d of %d came", got, n)
		}
	})
	t.Run("duplicate", func(t *testing.T) {
		o := newOffice(t)
		o.send(Habits{Duplicate: 50}, n)
		if got := len(o.texts); got < n*5/4 || distinct(o.texts) != n {
			t.Errorf("%d came, %d different", got, distinct(o.texts))
		}
	})
	t.Run("reorder", func(t *testing.T) {
		o := newOffice(t)
		o.send(Habits{Reorder: 50}, n)
		sorted := slices.IsSortedFunc(o.texts, func(a, b string) int { return len(a) - len(b) })
		if len(o.texts) != n || distinct(o.texts) != n || sorted {
			t.Errorf("%d came, %d different, in order: %v", len(o.texts), distinct(o.texts), sorted)
		}
	})
	t.Run("delay", func(t *testing.T) {
		o := newOffice(t)
		phone := o.send(Habits{MaxDelay: time.Minute}, n)
		o.clock.Advance(30 * time.Second)
		phone.Forward(t.Context())
		half := len(o.texts)
		o.clock.Advance(30 * time.Second)
		phone.Forward(t.Context())
		if half < n/4 || half > 3*n/4 || len(o.texts) != n {
			t.Errorf("%d came in half of the time, %d in all of it", half, len(o.texts))
		}
	})
}

func TestPhoneTriesAgain(t *testing.T) {
	o := newOffice(t)
	o.status = http.StatusServiceUnavailable
	phone := o.send(Habits{}, 1)
	if len(phone.Forward(t.Context())) != 0 || phone.Waiting() != 1 {
		t.Fatal("it must wait before it tries again")
	}
	o.status = http.StatusOK
	o.clock.Advance(phoneRetry)
	if receipts := phone.Forward(t.Context()); len(receipts) != 1 || receipts[0].Status != 200 || phone.Waiting() != 0 {
		t.Fatalf("receipts: %+v", receipts)
	}
	o.server.Close()
	phone.Receive(SMS{"VM-HDFCBK-S", "x", o.clock.Now()}, 0)
	if receipts := phone.Forward(t.Context()); len(receipts) != 1 || receipts[0].Err == nil || phone.Waiting() != 1 {
		t.Fatalf("without a server: %+v", receipts)
	}
}
