package payouts

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
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

// What strikes requests to pay, questions, both in days that pass, and the word that something failed.
var (
	payDangers  = []danger{killTaken, killLost, killAnswered}
	findDangers = []danger{killTaken, killAnswered, killLost}
	lateDangers = []danger{lateRequest, lateAnswer, killLate}
	hotDangers  = []danger{lateFailure}
)

// Between two dangers are up to twice as many requests; in a long campaign, more.
const (
	paysBetween  = 20
	findsBetween = 90
	latesBetween = 5
	mostLooks    = 8 // of who looks while a request is out: enough to come to what it is about
	// hotBetween is for the word that something failed that is going to be paid: whoever acts on it too late gives the money away.
	hotBetween = 2
	// lateEvery bounds how often days pass within a request, in steps: the rest of the campaign wants finer ones.
	lateEvery = 8
	hotEvery  = 6
)

// How late.
var (
	requestLate = []time.Duration{5 * time.Minute, 3 * time.Hour, 20 * time.Hour} // less than the two days that the package's comment tells of
	answerLate  = []time.Duration{2 * time.Hour, 26 * time.Hour, 70 * time.Hour}
)

// door is the way from the gateways to the banks, where the campaign strikes. Each instance has another address.
type door struct {
	world  *world
	server *httptest.Server
	client *http.Client
	pays   rotation
	finds  rotation
	lates  rotation
	hot    rotation
	late   sync.Mutex // time passes for one request at a time
	ids    sync.Map   // reference of a payout by RazorpayX's id of it
	failed sync.Map   // references that were said to have failed
}

func newDoor(w *world, n int) *door {
	d := &door{
		world: w, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		pays: rotation{kinds: payDangers, between: paysBetween}, finds: rotation{kinds: findDangers, between: findsBetween},
		lates: rotation{kinds: lateDangers, between: latesBetween}, hot: rotation{kinds: hotDangers, between: hotBetween},
	}
	if n > enough {
		d.pays.between, d.finds.between = 3*paysBetween, 2*findsBetween
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
	given   int64
	wait    uint64
}

// next is the next one's, "" mostly. No more are given than most.
func (r *rotation) next(most int64) danger {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wait > 0 || r.given >= most {
		r.wait -= min(r.wait, 1)
		return ""
	}
	kind := r.kinds[r.given%int64(len(r.kinds))]
	r.given++
	r.wait = draw(2*r.between+1, "wait", string(kind), strconv.FormatInt(r.given, 10))
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
		d.passTime(kind, from, requestLate)
		pass()
		panic(http.ErrAbortHandler)
	case lateRequest:
		d.passTime(kind, d.world.beside(from), requestLate)
	}
	answer := pass()
	if kind == "" && d.changesMind(to, d.reference(r, body), answer.body) {
		kind = d.passing(&d.hot, hotEvery)
	}
	switch kind {
	case killTaken:
		from.kill(generation, string(kind))
		panic(http.ErrAbortHandler)
	case lateAnswer, lateFailure:
		d.passTime(kind, d.world.beside(from), answerLate)
	}
	answer.write(w)
	if kind == killAnswered {
		_ = http.NewResponseController(w).Flush() // it may be gone already
		time.Sleep(time.Duration(d.world.dice(3000)) * time.Microsecond)
		from.kill(generation, string(kind))
	}
}

// danger decides what becomes of a request.
func (d *door) danger(r *http.Request, to *bank, body []byte) danger {
	// A "paid" of days ago is news of nothing where the bank took the money back meanwhile: the audit would tell of it rightly.
	if reference := d.reference(r, body); reference != "" && to.life(reference) != sim.LifePaysThenReverses {
		if kind := d.passing(&d.lates, lateEvery); kind != "" {
			return kind
		}
	}
	if r.Method == http.MethodPost {
		return d.pays.next(math.MaxInt64)
	}
	return d.finds.next(math.MaxInt64)
}

// passing is a danger of days that pass, "" while they pass for another request, or did so often enough. Who gets one must pass
// time.
func (d *door) passing(r *rotation, every int64) (kind danger) {
	if d.late.TryLock() {
		if kind = r.next(1 + d.world.steps.Load()/every); kind == "" {
			d.late.Unlock()
		}
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

// changesMind tells an answer, not the first of its kind, that says that something failed which is going to be paid.
func (d *door) changesMind(to *bank, reference string, answer []byte) bool {
	if to.life(reference) != sim.LifeFailsThenPays || !bytes.Contains(answer, []byte(`"status":"failed"`)) && !bytes.Contains(answer, []byte(`"status":"FAILED"`)) {
		return false
	}
	_, before := d.failed.LoadOrStore(reference, true)
	return before
}

// passTime lets time pass while a request is out, and half the times somebody else look meanwhile.
func (d *door) passTime(why danger, other *victim, choices []time.Duration) {
	defer d.late.Unlock()
	if why != killLate {
		d.world.happened(string(why))
	}
	d.world.clock.Advance(choices[d.world.dice(len(choices))])
	if d.world.dice(2) == 0 {
		d.world.turn(other, mostLooks)
		d.world.clock.Advance(time.Second) // what comes now is later than all that was told
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
