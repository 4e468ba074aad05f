package payouts

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
)

// danger is what the way to a bank does to one request.
type danger string

// The dangers. The gateway is killed, or days pass, while a request is out.
const (
	killLost     danger = "killed, and its request never came"
	killLate     danger = "killed, and its request came after the next one had looked"
	killTaken    danger = "killed after the bank took the request, before it answered"
	killAnswered danger = "killed after the bank answered"
	lateRequest  danger = "request that came hours later"
	lateAnswer   danger = "answer that came days later"
	lateFailure  danger = "word that it failed that came when it was paid"
)

var (
	payDangers  = []danger{killTaken, killLost, killAnswered, lateAnswer, killLate, killTaken, lateRequest, killAnswered}
	findDangers = []danger{killTaken, lateAnswer, killAnswered, killLost}
)

// Between two dangers are up to twice as many requests.
const (
	paysBetween  = 20
	findsBetween = 90
	// hotBetween is for the word that something failed that is going to be paid: whoever acts on it too late gives the money away.
	hotBetween = 4
	// lateEvery bounds how often days pass within a request, in steps: the rest of the campaign wants finer ones.
	lateEvery = 4
)

// How late.
var (
	requestLate = []time.Duration{5 * time.Minute, 3 * time.Hour, 36 * time.Hour} // the last one is less than banks' memory allows
	answerLate  = []time.Duration{2 * time.Hour, 26 * time.Hour, 70 * time.Hour}
)

// door is the way from the gateways to the banks, where the campaign strikes. Each instance has another address.
type door struct {
	world  *world
	server *httptest.Server
	client *http.Client
	pays   rotation
	finds  rotation
	hot    rotation
	late   sync.Mutex // time passes for one request at a time
	lates  atomic.Int64
	ids    sync.Map // reference of a payout by RazorpayX's id of it
}

func newDoor(w *world) *door {
	d := &door{
		world: w, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		pays: rotation{kinds: payDangers, between: paysBetween}, finds: rotation{kinds: findDangers, between: findsBetween},
		hot: rotation{kinds: []danger{lateFailure}, between: hotBetween},
	}
	d.server = httptest.NewServer(d)
	return d
}

func (d *door) close() {
	d.server.Close()
	d.client.CloseIdleConnections()
}

// rotation gives each kind its turn, after a drawn number of requests.
type rotation struct {
	mu      sync.Mutex
	kinds   []danger
	between uint64
	given   int
	wait    uint64
}

func (r *rotation) next() danger {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wait > 0 {
		r.wait--
		return ""
	}
	kind := r.kinds[r.given%len(r.kinds)]
	r.given++
	r.wait = draw(2*r.between+1, "wait", string(kind), strconv.Itoa(r.given))
	return kind
}

var (
	referenceShape = regexp.MustCompile(`GL[0-9]{14}`)
	idShape        = regexp.MustCompile(`pout_[A-Za-z0-9]+`)
)

// ServeHTTP passes a request on to its bank, or strikes.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	name, path, _ := strings.Cut(rest, "/")
	body, err := io.ReadAll(r.Body)
	at, _ := strconv.Atoi(number)
	to := d.world.bank(name)
	if err != nil || to == nil || at >= len(d.world.victims) {
		panic(http.ErrAbortHandler) // its caller was killed while it wrote
	}
	from := d.world.victims[at]
	generation := from.generation()
	kind := d.danger(r, to, body)
	pass := func() reply { return d.pass(r, to.url+"/"+path, body) }
	switch kind {
	case killLost:
		from.kill(generation, string(kind))
		panic(http.ErrAbortHandler)
	case killLate:
		from.kill(generation, string(kind))
		d.passTime(from, requestLate)
		pass()
		panic(http.ErrAbortHandler)
	case lateRequest:
		d.passTime(d.world.beside(from), requestLate)
	}
	answer := pass()
	if kind == "" && saysFailed(answer.body) && to.life(d.reference(r, body)) == sim.LifeFailsThenPays {
		kind = d.bounded(d.hot.next())
	}
	switch kind {
	case killTaken:
		from.kill(generation, string(kind))
		panic(http.ErrAbortHandler)
	case lateAnswer, lateFailure:
		d.passTime(d.world.beside(from), answerLate)
	}
	answer.write(w)
	if kind == killAnswered {
		_ = http.NewResponseController(w).Flush() // it may be gone already
		time.Sleep(time.Duration(draw(3000, "moment", strconv.Itoa(generation))) * time.Microsecond)
		from.kill(generation, string(kind))
	}
}

// danger decides what becomes of a request.
func (d *door) danger(r *http.Request, to *bank, body []byte) danger {
	kind := d.finds.next
	if r.Method == http.MethodPost {
		kind = d.pays.next
	}
	// A "paid" of days ago is news of nothing where the bank took the money back meanwhile: the audit would tell of it rightly.
	if reference := d.reference(r, body); reference == "" || to.life(reference) == sim.LifePaysThenReverses {
		return ""
	}
	return d.bounded(kind())
}

// bounded leaves out what takes time when there was enough of it. Who gets it must pass time.
func (d *door) bounded(kind danger) danger {
	if kind != killLate && kind != lateRequest && kind != lateAnswer && kind != lateFailure {
		return kind
	}
	if d.lates.Load() > d.world.steps.Load()/lateEvery || !d.late.TryLock() {
		return ""
	}
	d.lates.Add(1)
	if kind != killLate {
		d.world.happened(string(kind))
	}
	return kind
}

// reference is what a request is about, "" where nobody knows.
func (d *door) reference(r *http.Request, body []byte) string {
	if known, ok := d.ids.Load(idShape.FindString(r.URL.Path)); ok {
		return known.(string)
	}
	return referenceShape.FindString(r.URL.RawQuery + string(body))
}

// saysFailed tells an answer by which money may be given back.
func saysFailed(answer []byte) bool {
	return bytes.Contains(answer, []byte(`"status":"failed"`)) || bytes.Contains(answer, []byte(`"status":"FAILED"`))
}

// passTime lets time pass while a request is out, and half the times somebody else look meanwhile.
func (d *door) passTime(other *victim, choices []time.Duration) {
	defer d.late.Unlock()
	n := strconv.FormatInt(d.lates.Load(), 10)
	d.world.clock.Advance(choices[draw(uint64(len(choices)), "late", n)])
	if draw(2, "look", n) == 0 {
		d.world.turn(other, 3)
	}
}

// reply is what a bank answered, as far as it came.
type reply struct {
	status int // 0: nothing came
	header http.Header
	body   []byte
	cut    bool
}

func (d *door) pass(r *http.Request, url string, body []byte) reply {
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	// Not the caller's context: a bank has what was sent, whatever becomes of the sender.
	request, err := http.NewRequest(r.Method, url, bytes.NewReader(body))
	if err != nil {
		return reply{}
	}
	request.Header = r.Header.Clone()
	answer, err := d.client.Do(request)
	if err != nil {
		return reply{}
	}
	defer func() { _ = answer.Body.Close() }() // it was read as far as it came
	read, err := io.ReadAll(answer.Body)
	if id := idShape.Find(read); id != nil {
		d.ids.LoadOrStore(string(id), referenceShape.FindString(string(read)))
	}
	return reply{answer.StatusCode, answer.Header, read, err != nil}
}

func (a reply) write(w http.ResponseWriter) {
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the caller may be gone
	if a.cut {
		panic(http.ErrAbortHandler)
	}
}
