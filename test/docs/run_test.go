package docs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

// blocks are the code blocks of a text in a language.
func blocks(text, language string) []string {
	var list []string
	for _, part := range strings.Split(text, "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		list = append(list, block)
	}
	return list
}

// shell runs a script as the documents show it, with the binary in PATH, and returns what it printed.
func shell(t *testing.T, folder, script string, env ...string) string {
	t.Helper()
	// The binary of the tests may have another name.
	programs := t.TempDir()
	if err := os.Symlink(process.Build(t), filepath.Join(programs, "galla")); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
	c.Dir = folder
	c.Env = append([]string{"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + folder, "GALLA_ACTOR=tester"}, env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s%s\nof\n%s", err, stdout.String(), stderr.String(), script)
	}
	return stdout.String()
}

// without drops the lines of a script that start with one of the words.
func without(script string, words ...string) string {
	var kept []string
	for line := range strings.Lines(script) {
		if !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(line, word) }) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestInstallation goes through the installation as the README has it, and a backup and its restore as the operator's page
// has them, on both engines.
func TestInstallation(t *testing.T) {
	t.Parallel()
	readme, operations := readPage(t, "README.md"), readPage(t, "docs/operations.md")
	first := func(p page, heading string, n int) string { return blocks(p.section(t, heading), "sh")[n] }
	business := without(first(readme, "### Merchant, wallet, source", 0), "galla serve")
	look := first(readme, "### Is all well?", 0)
	backup := first(operations, "## Backup, restore, recovery", 0)
	backup = strings.Replace(backup, "$(date +%F-%H%M)", "2026-11-22-0300", 1)
	restore := without(first(operations, "## Backup, restore, recovery", 1), "systemctl", "galla serve")
	end := "galla recovery status\ngalla recovery end --reason 'statements are imported'\ngalla audit\n"
	places := func(folder, script string) string {
		return strings.NewReplacer("/var/lib/galla", folder, "/etc/galla", folder, "/backup", folder).Replace(script)
	}

	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		script := first(readme, "### First installation on SQLite", 0) + "\n" + business + look + "\n" + backup + "\n" + restore + end
		output := shell(t, folder, places(folder, script))
		checkInstalled(t, output)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		const shownDatabase = "postgres://galla:PASSWORD@db.internal/galla"
		install := without(first(readme, "### First installation on PostgreSQL", 0), "createdb")
		if !strings.Contains(install, shownDatabase) {
			t.Fatalf("the README doesn't name the database %s", shownDatabase)
		}
		install = strings.Replace(install, shownDatabase, "'"+testkit.Postgres(t)+"'", 1)
		restored := "export GALLA_DATABASE='" + testkit.Postgres(t) + "'\n" + without(restore, "mv ")
		script := install + "\n" + business + look + "\n" + backup + "\n" + restored + end
		checkInstalled(t, shell(t, folder, places(folder, script)))
	})
}

func checkInstalled(t *testing.T, output string) {
	t.Helper()
	for _, line := range []string{
		"ok    database", "postback_private_key", "account_tails  2536", "/evidence/v1/forward/galla_src_", "every wallet's account has an active source",
		"M-1    ok", "unclaimed  account 1  0.00", "in recovery since", "recovery is over",
	} {
		if !strings.Contains(output, line) {
			t.Errorf("the commands didn't print %q:\n%s", line, output)
		}
	}
	if strings.Contains(output, "FAILED") {
		t.Errorf("a check failed:\n%s", output)
	}
}

// site is a running installation as the documents assume one: merchant shop, wallet 1.
type site struct {
	galla  *process.Galla
	server *process.Server
	secret string
}

func newSite(t *testing.T) site {
	t.Helper()
	g := process.New(t, testkit.SQLite(t))
	g.MustRun("migrate")
	var keys struct {
		Secret string `json:"api_secret"`
	}
	g.JSON(&keys, "merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:1/")
	g.MustRun("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "Holder", "--account-tail", "2536")
	return site{g, g.Serve(), keys.Secret}
}

// source adds a source of wallet 1 and waits until the server knows it.
func (s site) source(t *testing.T, kind string) (token string) {
	t.Helper()
	var source struct{ Token string }
	s.galla.JSON(&source, "source", "add", "--wallet", "1", "--kind", kind)
	path := map[string]string{"transfers": "/evidence/v1/transfers", "sms": "/evidence/v1/messages"}[kind]
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if code, _ := s.post(t, path, source.Token, "[]"); code == http.StatusOK {
			return source.Token
		} else if time.Now().After(end) {
			t.Fatalf("the server doesn't know the new source: %d", code)
		}
	}
}

func (s site) post(t *testing.T, path, token, body string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

// curls runs the curl commands of a block. Its comments that begin with a brace are the answers.
func (s site) curls(t *testing.T, block, token string, answers int) {
	t.Helper()
	testkit.Program(t, "curl")
	var want []string
	for line := range strings.Lines(block) {
		if answer, isAnswer := strings.CutPrefix(strings.TrimSpace(line), "# {"); isAnswer {
			want = append(want, "{"+answer)
		}
	}
	script := strings.ReplaceAll(without(block, "API_URL=", "export API_URL=", "galla "), "curl ", `curl -sS -w '\n' `)
	script = strings.ReplaceAll(script, "Bearer TOKEN", "Bearer "+token)
	got := strings.Split(strings.TrimSpace(shell(t, t.TempDir(), script, "API_URL="+s.server.URL, "API_SECRET="+s.secret)), "\n")
	if len(got) != answers || len(want) < answers || !slices.Equal(got, want[:answers]) {
		t.Errorf("the commands answer\n%s\nand the page says\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFiveMinutes runs the first steps as the merchant's page and the README show them.
func TestFiveMinutes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.curls(t, blocks(readPage(t, "docs/protocol.md").section(t, "## In five minutes"), "sh")[0], "", 2)
	integrate := blocks(readPage(t, "README.md").section(t, "## Integrate"), "sh")
	s.curls(t, integrate[0], "", 2)
	s.curls(t, integrate[1], s.source(t, "transfers"), 1)
}

// TestEvidencePage sends what the page shows, and gets what it says.
func TestEvidencePage(t *testing.T) {
	t.Parallel()
	s, page := newSite(t), readPage(t, "docs/evidence.md")
	shown := func(heading string) string { return blocks(page.section(t, heading), "json")[0] }
	answer := shown("## Answers")
	for _, step := range []struct{ heading, path, kind, want string }{
		{"## Structured transfers", "/evidence/v1/transfers", "transfers", answer},
		{"## Messages", "/evidence/v1/messages", "sms", strings.Replace(answer, "created", "duplicate", 1)},
	} {
		if code, got := s.post(t, step.path, s.source(t, step.kind), shown(step.heading)); code != http.StatusOK || got != step.want {
			t.Errorf("%s: %d %s, want %s", step.heading, code, got, step.want)
		}
	}
}

// TestPostbackPage checks the postback that the merchant's page shows, with the key that it names, and the token.
func TestPostbackPage(t *testing.T) {
	page := readPage(t, "docs/protocol.md")
	var body bytes.Buffer
	if err := json.Compact(&body, []byte(blocks(page.section(t, "## The postback"), "json")[0])); err != nil {
		t.Fatal(err)
	}
	keys := galla.PostbackKeys{AccessKey: "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", PrivateKey: "test_private_access_key"}
	postback, err := galla.VerifyPostback(body.Bytes(), nil, keys, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if again := string(postback.AppendBody(nil, keys.AccessKey, keys.PrivateKey)); again != body.String() {
		t.Errorf("the page shows\n%s\nwhich we would send as\n%s", body.String(), again)
	}
	token := galla.RedirectToken("test_redirect_key", "shop", galla.RedirectSuccess, "https://merchant.example/ok?id=1", time.Time{})
	if !strings.Contains(page.text, token) {
		t.Errorf("the page doesn't show the token %s", token)
	}
}
