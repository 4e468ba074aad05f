package sender

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTrust(t *testing.T) {
	root, stranger := issue(t, nil, "", later), issue(t, nil, "", later)
	middle := issue(t, root, "", later)
	leaf := issue(t, middle, "127.0.0.1", later)
	past := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	expired, selfSigned := issue(t, root, "127.0.0.1", past), issue(t, nil, "127.0.0.1", later)

	good := leaf.shown(middle, stranger) // the stranger is sent along and proves nothing
	tests := []struct {
		name  string
		shown tls.Certificate
		host  string
		trust Trust
		kind  string
		pin   bool // refused for its pin
	}{
		{"system's roots", good, "127.0.0.1", Trust{}, KindTLS, false},
		{"its root", good, "127.0.0.1", Trust{CA: root.pem()}, "", false},
		{"another root", good, "127.0.0.1", Trust{CA: stranger.pem()}, KindTLS, false},
		{"its root among others", good, "127.0.0.1", Trust{CA: stranger.pem() + root.pem()}, "", false},
		{"pin of the leaf", good, "127.0.0.1", Trust{root.pem(), leaf.pin()}, "", false},
		{"pin of the middle", good, "127.0.0.1", Trust{root.pem(), middle.pin()}, "", false},
		{"pin of the root", good, "127.0.0.1", Trust{root.pem(), "sha256/" + root.pin()}, "", false},
		{"pin of a stranger", good, "127.0.0.1", Trust{root.pem(), stranger.pin()}, KindTLS, true},
		{"pin without its root", good, "127.0.0.1", Trust{Pin: leaf.pin()}, KindTLS, false},
		{"pin with another root", good, "127.0.0.1", Trust{stranger.pem(), leaf.pin()}, KindTLS, false},
		{"pin and a wrong name", good, "merchant.example", Trust{root.pem(), leaf.pin()}, KindTLS, false},
		{"pin and past its date", expired.shown(), "127.0.0.1", Trust{root.pem(), expired.pin()}, KindTLS, false},
		{"self-signed", selfSigned.shown(), "127.0.0.1", Trust{}, KindTLS, false},
		{"self-signed, pinned only", selfSigned.shown(), "127.0.0.1", Trust{Pin: selfSigned.pin()}, KindTLS, false},
		{"self-signed, its own root", selfSigned.shown(), "127.0.0.1", Trust{selfSigned.pem(), selfSigned.pin()}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests atomic.Int32
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{tt.shown}}, true, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				io.WriteString(w, "ok")
			})
			// What the owner switched off stays on.
			loose := &tls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1"}
			s := newSender(t, Config{TLS: loose, Resolver: fakeDNS(t, "127.0.0.1")})
			result := s.Send(t.Context(), Request{URL: "https://" + tt.host + ":" + port(server), Body: []byte("{}"), Trust: tt.trust})
			if result.ErrKind != tt.kind || result.Delivered != (tt.kind == "") || errors.Is(result.Err, ErrPin) != tt.pin {
				t.Errorf("Send = %+v", result)
			}
			if tt.pin && !strings.Contains(result.Err.Error(), leaf.pin()) {
				t.Errorf("the error doesn't tell the receiver's own pin: %v", result.Err)
			}
			if n := requests.Load(); (n == 1) != result.Delivered {
				t.Errorf("%d requests came through", n)
			}
		})
	}
}

func TestOwnersVerifyConnectionIsAsked(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, true, func(http.ResponseWriter, *http.Request) {
		t.Error("a request came through")
	})
	refuse := &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return errors.New("tls: refused by the owner") }}
	s := newSender(t, Config{TLS: refuse})
	for _, trust := range []Trust{{CA: root.pem()}, {root.pem(), leaf.pin()}} {
		result := s.Send(t.Context(), Request{URL: server.URL, Trust: trust})
		if result.ErrKind != KindTLS || !strings.Contains(result.Err.Error(), "by the owner") {
			t.Errorf("Send = %+v", result)
		}
	}
}

func TestTrustThatCannotBeUsed(t *testing.T) {
	root := issue(t, nil, "", later)
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came through") })
	s := newSender(t, Config{})
	for _, tt := range []struct {
		url   string
		trust Trust
		kind  string
	}{
		{plain.URL, Trust{CA: root.pem()}, KindURL},
		{plain.URL, Trust{Pin: root.pin()}, KindURL},
		{strings.Replace(plain.URL, "http:", "https:", 1), Trust{CA: "nonsense"}, KindTLS},
		{strings.Replace(plain.URL, "http:", "https:", 1), Trust{Pin: "nonsense"}, KindTLS},
	} {
		if result := s.Send(t.Context(), Request{URL: tt.url, Trust: tt.trust}); result.ErrKind != tt.kind || result.RemoteAddr != "" {
			t.Errorf("%s %.20v: %+v", tt.url, tt.trust, result)
		}
	}
}

func TestNormalizeTrust(t *testing.T) {
	one, two := issue(t, nil, "", later), issue(t, nil, "", later)
	pin := one.pin()
	slashes := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32))) // begins with slashes itself
	key := "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
	var many strings.Builder
	for range MaxRoots + 1 {
		many.WriteString(issue(t, nil, "", later).pem())
	}
	tests := []struct {
		name        string
		trust, want Trust
		problem     string
	}{
		{"nothing", Trust{}, Trust{}, ""},
		{"space", Trust{" \n", " \t"}, Trust{}, ""},
		{"both", Trust{one.pem(), pin}, Trust{one.pem(), pin}, ""},
		{"several", Trust{CA: one.pem() + two.pem()}, Trust{CA: one.pem() + two.pem()}, ""},
		{"twice", Trust{CA: one.pem() + two.pem() + one.pem()}, Trust{CA: one.pem() + two.pem()}, ""},
		{"text around", Trust{CA: "Certificate:\r\n  Data: x\r\n" + strings.ReplaceAll(one.pem(), "\n", "\r\n") + "end"}, Trust{CA: one.pem()}, ""},
		{"as curl writes it", Trust{Pin: "sha256//" + pin}, Trust{Pin: pin}, ""},
		{"as others write it", Trust{Pin: " sha256/" + pin + "\n"}, Trust{Pin: pin}, ""},
		{"of slashes", Trust{Pin: slashes}, Trust{Pin: slashes}, ""},
		{"of slashes, prefixed", Trust{Pin: "sha256/" + slashes}, Trust{Pin: slashes}, ""},
		{"of slashes, prefixed by curl", Trust{Pin: "sha256//" + slashes}, Trust{Pin: slashes}, ""},
		{"no PEM", Trust{CA: "hello"}, Trust{}, "no certificate"},
		{"DER", Trust{CA: string(one.certificate.Raw)}, Trust{}, "no certificate"},
		{"key", Trust{CA: one.pem() + key}, Trust{}, `"EC PRIVATE KEY"`},
		{"broken certificate", Trust{CA: strings.Replace(key, "EC PRIVATE KEY", "CERTIFICATE", 2)}, Trust{}, "certificate 1"},
		{"broken block", Trust{CA: one.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n"}, Trust{}, "after 1 certificates"},
		{"too many", Trust{CA: many.String()}, Trust{}, "more than 32"},
		{"too long", Trust{CA: one.pem() + strings.Repeat(" ", MaxCA)}, Trust{}, "longer than"},
		{"hexadecimal pin", Trust{Pin: strings.Repeat("ab", 32)}, Trust{}, "48 bytes"},
		{"SHA-1 pin", Trust{Pin: base64.StdEncoding.EncodeToString(make([]byte, 20))}, Trust{}, "20 bytes"},
		{"pin of another hash", Trust{Pin: "sha1/" + pin}, Trust{}, "not base64"},
		{"URL-safe pin", Trust{Pin: "__" + pin[2:]}, Trust{}, "not base64"},
		{"pin without its end", Trust{Pin: strings.TrimSuffix(pin, "=")}, Trust{}, "not base64"},
		{"two pins", Trust{Pin: pin + " " + pin}, Trust{}, "not base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NormalizeTrust(tt.trust)
			if got != tt.want || (err == nil) != (tt.problem == "") || !strings.Contains(fmt.Sprint(err), tt.problem) {
				t.Errorf("NormalizeTrust = %v, %v", got, err)
			}
			if check := CheckTrust(tt.trust); (check == nil) != (err == nil) {
				t.Errorf("CheckTrust = %v, NormalizeTrust says %v", check, err)
			}
			if again, err := NormalizeTrust(got); err != nil || again != got {
				t.Errorf("normalised again: %v, %v", again, err)
			}
		})
	}
}

// A resumed session shows no certificates, so what the first had verified is
// held against the pin again.
func TestResumedSessionIsPinned(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, false, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "ok")
			})
			sessions := tls.NewLRUClientSessionCache(1)
			for i, tt := range []struct {
				pin string
				err error
			}{{leaf.pin(), nil}, {root.pin(), nil}, {PinOf(issue(t, nil, "", later).certificate), ErrPin}} {
				resumed := false
				config, err := Trust{root.pem(), tt.pin}.secure(&tls.Config{MaxVersion: version, VerifyConnection: func(state tls.ConnectionState) error {
					resumed = state.DidResume
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				config.ClientSessionCache = sessions // shared, as no Sender would
				client := &http.Transport{TLSClientConfig: config}
				request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				answer, err := client.RoundTrip(request)
				if err == nil {
					io.ReadAll(answer.Body) // the session's ticket comes with the answer
					answer.Body.Close()
				}
				client.CloseIdleConnections()
				if !errors.Is(err, tt.err) || resumed != (i > 0) {
					t.Errorf("connection %d: resumed %v, %v; want %v", i+1, resumed, err, tt.err)
				}
			}
		})
	}
}

func TestSessionsAreResumedWithinATrust(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	var resumed atomic.Bool
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, false, func(w http.ResponseWriter, r *http.Request) {
		resumed.Store(r.TLS.DidResume)
		w.Header().Set("Connection", "close")
		io.WriteString(w, "ok")
	})
	// A cache of the owner's would carry sessions from one Trust to another.
	s := newSender(t, Config{TLS: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1)}})
	for _, tt := range []struct {
		trust   Trust
		resumed bool
		kind    string
	}{
		{Trust{root.pem(), leaf.pin()}, false, ""},
		{Trust{root.pem(), leaf.pin()}, true, ""},
		{Trust{root.pem(), root.pin()}, false, ""},
		{Trust{CA: root.pem()}, false, ""},
		{Trust{CA: root.pem()}, true, ""},
		{Trust{}, false, KindTLS},
		{Trust{root.pem(), leaf.pin()}, true, ""},
	} {
		resumed.Store(false)
		result := s.Send(t.Context(), Request{URL: server.URL, Body: []byte("{}"), Trust: tt.trust})
		if result.ErrKind != tt.kind || resumed.Load() != tt.resumed {
			t.Errorf("pin %q: resumed %v, %+v", tt.trust.Pin, resumed.Load(), result)
		}
	}
}
