package blackbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

var freePorts = []string{"GALLA_LISTEN=127.0.0.1:0", "GALLA_ADMIN_LISTEN=127.0.0.1:0"}

// refuses runs a command that must fail, and say so.
func refuses(t *testing.T, g *process.Galla, code int, says []string, args ...string) process.Result {
	t.Helper()
	r := g.Run(args...)
	if r.Code != code {
		t.Errorf("galla %v: exit %d, want %d\n%s", args, r.Code, code, r.Stderr)
	}
	for _, text := range says {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("galla %v doesn't say %q:\n%s", args, text, r.Stderr)
		}
	}
	return r
}

func TestServeMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	g := process.Bare(t, freePorts...)
	server := g.Serve()
	for path, mode := range map[string]os.FileMode{"data/galla.db": 0, "data/galla.key": 0o600} {
		info, err := os.Stat(filepath.Join(g.Folder(), path))
		if err != nil || mode != 0 && info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	g.MustRun("merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/", "--json")
	if code := server.Stop(); code != 0 {
		t.Errorf("stopped with %d:\n%s", code, server.Log())
	}
	if out := g.MustRun("merchant", "list", "--json"); !strings.Contains(out, `"slug":"shop"`) {
		t.Errorf("without a server: %s", out)
	}
	g.MustRun("migrate") // changes nothing
	g.MustRun("doctor")
	g.MustRun("audit")
}

func TestNoDatabase(t *testing.T) {
	t.Parallel()
	g := process.Bare(t, freePorts...)
	g.MustRun("key", "new", "--file", "data.key")
	for _, args := range [][]string{
		{"merchant", "list"}, {"merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/"}, {"claim", "list"},
		{"audit"}, {"balance"}, {"find", "1"}, {"import", "x.csv", "--wallet", "1"}, {"key", "rotate"}, {"evidence", "retry"},
	} {
		refuses(t, g, 1, []string{"no database at ", "data/galla.db"}, args...)
	}
	if _, err := os.Stat(filepath.Join(g.Folder(), "data")); err == nil {
		t.Error("a command that only looks has made a folder")
	}
}

// TestKeyFile: a process without the database's key, or with one that others can read, refuses to start.
func TestKeyFile(t *testing.T) {
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) {
		g := process.New(t, database)
		g.MustRun("migrate")
		var merchant struct {
			Secret string `json:"api_secret"`
		}
		g.JSON(&merchant, "merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/")
		key := filepath.Join(g.Folder(), "galla.key")
		right, err := os.ReadFile(key)
		if err != nil || len(strings.TrimSpace(string(right))) != 64 {
			t.Fatalf("key file %d bytes, %v", len(right), err)
		}
		commands := [][]string{{"serve"}, {"merchant", "add", "--slug", "new", "--name", "N", "--postback-url", "http://127.0.0.1:1/"}}
		all := func(g *process.Galla, says ...string) {
			t.Helper()
			for _, args := range commands {
				if r := refuses(t, g, 1, says, args...); strings.Contains(r.Stderr+r.Stdout, strings.TrimSpace(string(right))) {
					t.Error("the key is shown")
				}
			}
		}
		all(g.With("GALLA_KEY_FILE="+key+".missing"), "no key file at "+key+".missing", "galla key new --file")
		if err := os.Chmod(key, 0o640); err != nil {
			t.Fatal(err)
		}
		all(g, "can be read by others", "chmod 600")
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
		var own, other struct {
			ID string `json:"key_id"`
		}
		g.JSON(&other, "key", "new", "--file", key+".other")
		g.JSON(&own, "migrate")
		if own.ID == "" || other.ID == "" || own.ID == other.ID {
			t.Fatalf("key ids %q and %q", own.ID, other.ID)
		}
		all(g.With("GALLA_KEY_FILE="+key+".other"), own.ID, other.ID)
		if err := os.WriteFile(key+".short", right[:60], 0o600); err != nil {
			t.Fatal(err)
		}
		all(g.With("GALLA_KEY_FILE="+key+".short"), "64 hex digits")
		refuses(t, g, 1, []string{"is there already"}, "key", "new", "--file", key)
		// A further line is an older key: it still opens.
		fresh, err := os.ReadFile(key + ".other")
		if err == nil {
			err = os.WriteFile(key+".both", append(right, fresh...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		both := g.With("GALLA_KEY_FILE=" + key + ".both")
		server := both.Serve()
		if code := server.Stop(); code != 0 {
			t.Errorf("with an older key as well: %d\n%s", code, server.Log())
		}
		g.MustRun("key", "rotate")
		rotated := g.Serve()
		w := &world{t: t, server: rotated, said: newSaid(t), shop: keys{APISecret: merchant.Secret}}
		w.said.secret(merchant.Secret)
		w.want(call{path: w.activatePath(), body: with("amount", "0")}, http.StatusUnprocessableEntity, failJSON("amount must be greater than 0."))
	})
}

func TestPostgresNeedsItsKeyFile(t *testing.T) {
	t.Parallel()
	database := testkit.Postgres(t)
	g := process.Bare(t, append(freePorts, "GALLA_DATABASE="+database)...)
	for _, args := range [][]string{{"serve"}, {"migrate"}} {
		refuses(t, g, 1, []string{"GALLA_KEY_FILE is not set", "galla key new --file"}, args...)
	}
	refuses(t, g.With("GALLA_KEY_FILE=nowhere.key"), 1, []string{"no key file at nowhere.key"}, "serve")
	if files, err := os.ReadDir(g.Folder()); err != nil || len(files) != 0 {
		t.Errorf("files were made: %v %v", files, err)
	}
}

func TestOneServerOnSQLite(t *testing.T) {
	t.Parallel()
	g := process.New(t, testkit.SQLite(t))
	first := g.Serve()
	refuses(t, g, 1, []string{"stop it first"}, "serve")
	refuses(t, g, 1, []string{"stop it first"}, "migrate")
	first.Kill()
	second := g.Serve() // the lock ends with the process, however that ends
	if code := second.Stop(); code != 0 {
		t.Errorf("stopped with %d:\n%s", code, second.Log())
	}
}

// TestServersSideBySide: on PostgreSQL what one server stores the other knows, and both together credit once.
func TestServersSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.Postgres(t))
	second := *w
	second.server = w.galla.Serve()
	number := w.number()
	w.wantClaim("side", "beside", number, "500", possibleJSON)
	second.wantClaim("side", "beside", number, "500", possibleJSON)
	second.pay(number, "500")
	w.wantClaim("side", "beside", number, "500", okJSON("500"))
	second.wantClaim("side-2", "another", number, "500", failJSON(refusedText))
	w.must("wallet", "pause", fmt.Sprint(w.wallet))
	create := call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"1"}`}
	for _, each := range []*world{w, &second} {
		each.soon("both servers notice", func() bool { return each.do(create).body == failJSON("No wallet is available right now") })
	}
	w.eventually("delivered", func() bool { return w.show("side").Postback.State == "delivered" })
	if told := w.told("shop", "side"); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
}

func TestStopAndRestart(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("open requests are answered", gracefulStop)
		w.server = w.galla.Serve()
		w.tell("what was promised holds after a restart", restart)
	})
}

// gracefulStop: a request that is under way when SIGTERM comes is answered, readiness is off meanwhile, and no new
// connection is taken.
func gracefulStop(w *world) {
	number := w.number()
	w.pay(number, "500")
	c := call{path: w.activatePath(), body: claimBody("graceful", "graceful", number, "500")}
	text := c.text()
	connection, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close()
	half := len(text) - 20
	if _, err := io.WriteString(connection, text[:half]); err != nil {
		w.t.Fatal(err)
	}
	// The server must have begun to read the request, or it counts as idle and is closed: another one shows that time has passed.
	w.want(call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"1"}`}, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234234"}}`)
	w.server.Terminate()
	w.eventually("readiness is off", func() bool {
		response, err := http.Get(w.server.Admin + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusServiceUnavailable
	})
	w.eventually("no new connection is taken", func() bool {
		fresh, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
		if err == nil {
			fresh.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(connection, text[half:]); err != nil {
		w.t.Fatal(err)
	}
	if got := w.read(connection, text); got.code != http.StatusOK || got.body != okJSON("500") {
		w.t.Errorf("the open request: %d %s", got.code, got.body)
	}
	if code := w.server.Wait(); code != 0 {
		w.t.Errorf("exit code %d", code)
	}
	if log := w.server.Log(); !strings.Contains(log, "msg=server.stopped") {
		w.t.Errorf("no word of the end: %s", log)
	}
}

func restart(w *world) {
	w.wantClaim("graceful", "graceful", w.show("graceful").number(w), "500", okJSON("500"))
	waits, number := w.number(), w.number()
	w.wantClaim("restart-waits", "restart", waits, "500", possibleJSON)
	w.receiver.next("/shop", says(500, "later"))
	w.pay(number, "500")
	w.wantClaim("restart-told", "restart", number, "500", okJSON("500"))
	w.told("shop", "restart-told")
	w.eventually("the failed try is recorded", func() bool { return len(w.show("restart-told").Postback.Attempts) == 1 })
	if code := w.server.Stop(); code != 0 {
		w.t.Errorf("exit code %d", code)
	}
	w.server = w.galla.Serve()
	w.eventually("it is told again", func() bool { return len(w.told("shop", "restart-told")) == 2 })
	w.pay(waits, "500")
	w.wantClaim("restart-waits", "restart", waits, "500", okJSON("500"))
	w.wantClaim("restart-told", "restart", number, "500", okJSON("500"))
}

// number is the number that a claim names.
func (c claimShown) number(w *world) string {
	var shown struct{ Number string }
	w.json(&shown, "claim", "show", fmt.Sprint(c.ID))
	return shown.Number
}

// TestWrongSettings: what can't be is exit 2 and names the setting; what fails is exit 1.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	g := process.New(t, testkit.SQLite(t))
	for setting, says := range map[string]string{
		"GALLA_LISTEN=nonsense": "GALLA_LISTEN", "GALLA_ADMIN_LISTEN=:": "GALLA_ADMIN_LISTEN", "GALLA_BASE_URL=ftp://x": "GALLA_BASE_URL",
		"GALLA_BASE_URL=http://x/path": "GALLA_BASE_URL", "GALLA_DATABASE=mysql://x": "GALLA_DATABASE", "GALLA_TRUSTED_PROXIES=10.0.0.1/8": "GALLA_TRUSTED_PROXIES",
		"GALLA_POSTBACK_ALLOW=everything": "GALLA_POSTBACK_ALLOW", "GALLA_NOTHING=1": "GALLA_NOTHING", "GALLA_LOG_FORMAT=xml": "GALLA_LOG_FORMAT",
	} {
		refuses(t, g.With(setting), 2, []string{says}, "serve")
	}
	refuses(t, g, 2, nil, "serve", "now")
	refuses(t, g, 2, nil, "serve", "--nothing")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	refuses(t, g.With("GALLA_LISTEN="+taken.Addr().String()), 1, []string{"GALLA_LISTEN"}, "serve")
	refuses(t, g.With("GALLA_ADMIN_LISTEN="+taken.Addr().String()), 1, []string{"GALLA_ADMIN_LISTEN"}, "serve")
	const password = "vErYsEcReT"
	unreachable := g.With("GALLA_DATABASE=postgres://galla:" + password + "@127.0.0.1:1/galla")
	for _, args := range [][]string{{"serve"}, {"merchant", "list"}, {"doctor"}, {"migrate"}} {
		if r := refuses(t, unreachable, 1, nil, args...); strings.Contains(r.Stdout+r.Stderr, password) {
			t.Errorf("galla %v shows the password: %s", args, r.Stderr)
		}
	}
}
