package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/testkit"
)

func TestHistogramIsExactToABucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, longest).Draw(t, "duration"))
		got := upper(bucketOf(d))
		if got < d || got > d+d/64 {
			t.Fatalf("%v counts as %v", d, got)
		}
	})
	for _, d := range []time.Duration{-time.Second, 0, longest, time.Hour} {
		if b := bucketOf(d); b < 0 || b >= buckets {
			t.Errorf("%v is in bucket %d of %d", d, b, buckets)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var h, half histogram
	if got := h.percentile(990); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for i := range 1000 {
		into := &h
		if i%2 == 0 {
			into = &half
		}
		into.add(time.Duration(i+1) * time.Millisecond)
	}
	h.merge(&half)
	for permille, want := range map[int64]time.Duration{500: 500 * time.Millisecond, 950: 950 * time.Millisecond, 990: 990 * time.Millisecond, 1000: time.Second} {
		if got := h.percentile(permille); got < want || got > want+want/64 {
			t.Errorf("p%d is %v, want %v", permille, got, want)
		}
	}
}

func TestNumbersDiffer(t *testing.T) {
	seen := map[string]bool{}
	for n := range int64(100_000) {
		number := string(appendNumber(nil, forActivation, n))
		if len(number) != 12 || seen[number] {
			t.Fatalf("number %d is %s", n, number)
		}
		seen[number] = true
	}
}

// TestOpenLoopCountsTheWait: three requests are due within a moment, and the only worker is busy with the first.
func TestOpenLoopCountsTheWait(t *testing.T) {
	const work = 50 * time.Millisecond
	m := openLoop(t.Context(), 30*time.Millisecond, 100, []worker{func(int64) (int64, error) {
		time.Sleep(work)
		return 1, nil
	}}, &source{stock: 10, each: 1})
	if m.done != 3 || m.errors != 0 {
		t.Fatalf("%d done, %d errors: %v", m.done, m.errors, m.first)
	}
	// The third was due after 20 ms and ended after 150 ms at the earliest.
	if got := m.latency.percentile(1000); got < 130*time.Millisecond {
		t.Errorf("the longest latency is %v", got)
	}
}

func TestClosedLoopEndsWithItsStock(t *testing.T) {
	from := &source{stock: 10, each: 3}
	m := closedLoop(t.Context(), time.Minute, []worker{func(int64) (int64, error) { return 3, nil }}, from)
	if m.done != 9 || m.errors != 0 {
		t.Errorf("%d done, %d errors", m.done, m.errors)
	}
	m = closedLoop(t.Context(), time.Minute, []worker{func(int64) (int64, error) { return 0, io.EOF }}, &source{stock: 10, each: 1})
	if m.done != 0 || m.errors != 1 || m.first != io.EOF {
		t.Errorf("%d done, %d errors, %v", m.done, m.errors, m.first)
	}
}

func TestClient(t *testing.T) {
	for _, c := range []struct{ answer, want, err string }{
		{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: b\r\n\r\nfine", "fine", ""},
		{"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000), strings.Repeat("x", 5000), ""},
		{"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait", "", "answer 503 wait"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", errNoHTTP.Error()},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "", io.EOF.Error()},
	} {
		server, own := net.Pipe()
		asked := make(chan []byte, 1)
		go func() {
			request := make([]byte, 1000)
			n, _ := server.Read(request)
			asked <- request[:n]
			io.WriteString(server, c.answer)
			server.Close()
		}()
		cl := &client{conn: own, in: make([]byte, 0, 64)}
		got, err := cl.post(head("/path", "host", "token"), []byte("{}"))
		if string(got) != c.want || (c.err == "") != (err == nil) || err != nil && err.Error() != c.err {
			t.Errorf("%.40q: %.20q, %v", c.answer, got, err)
		}
		request := <-asked
		for _, part := range []string{"POST /path HTTP/1.1\r\nHost: host\r\n", "\r\nAuthorization: Bearer token\r\n", "\r\nContent-Length: 2\r\n\r\n{}"} {
			if !bytes.Contains(request, []byte(part)) {
				t.Errorf("request %q lacks %q", request, part)
			}
		}
		cl.close()
	}
}

const (
	// childVariable makes the test binary act as a server that Start starts. It isn't called GALLA_: Start takes those away.
	childVariable = "BENCH_TEST_CHILD"
	// bookVariable names the file where serveLate counts how often it was started.
	bookVariable = "BENCH_TEST_BOOK"
)

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "serve":
		os.Exit(serveReady())
	case "late":
		os.Exit(serveLate())
	}
	fmt.Fprintln(os.Stderr, "this one never gets ready")
	os.Exit(1)
}

func serveReady() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	asked := 0
	server := &http.Server{Addr: os.Getenv("GALLA_ADMIN_LISTEN"), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 || r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		fmt.Fprintln(os.Stderr, err)
		return 1
	case <-ctx.Done():
		return 0
	}
}

// serveLate finds its address taken, but for the last time that it may be started.
func serveLate() int {
	book, err := os.OpenFile(os.Getenv(bookVariable), os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tries, err := io.ReadAll(book)
	if err != nil || len(tries) == startTries-1 {
		return serveReady()
	}
	if _, err := book.WriteString("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "listen tcp", os.Getenv("GALLA_ADMIN_LISTEN")+":", syscall.EADDRINUSE)
	return 1
}

func TestStart(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	database := testkit.SQLite(t)
	t.Setenv(childVariable, "serve")
	report, err := Start(t.Context(), StartOptions{Program: program, Database: database, Runs: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.AllMS) != 3 || report.MedianMS < report.FastestMS || report.MedianMS > report.SlowestMS || report.FastestMS <= 0 || report.Engine != "sqlite" {
		t.Errorf("report is %+v", report)
	}
	checkNothingLeft(t, database)

	book := filepath.Join(t.TempDir(), "tries")
	if err := os.WriteFile(book, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(bookVariable, book)
	t.Setenv(childVariable, "late")
	if _, err := Start(t.Context(), StartOptions{Program: program, Database: database, Runs: 1}); err != nil {
		t.Errorf("with an address that was taken: %v", err)
	}

	t.Setenv(childVariable, "fail")
	var log strings.Builder
	if _, err := Start(t.Context(), StartOptions{Program: program, Database: database, Runs: 1, Log: &log}); err == nil || !strings.Contains(log.String(), "never gets ready") {
		t.Errorf("error is %v, log is %q", err, log.String())
	}
	if _, err := Start(t.Context(), StartOptions{Program: program, Database: database}); err == nil {
		t.Error("no runs are accepted")
	}
}
