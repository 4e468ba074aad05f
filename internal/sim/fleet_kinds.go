package sim

import (
	"crypto/tls"
	"net/http"
	"strings"
)

// starter starts a receiver: it sets its URL, and what a sender must believe.
type starter func(f *Fleet, r *Receiver) error

// kind is one way to receive postbacks.
type kind struct {
	name    string
	start   starter
	healthy bool // see Receiver
	waits   bool // likewise
	named   bool // needs FleetOptions.UnknownName
}

// allKinds are the kinds: first those that take every postback, then those that never do.
func allKinds() []kind {
	var kinds []kind
	for _, list := range [][]kind{healthyAnswers(), healthyConnections()} {
		for _, k := range list {
			k.healthy = true
			kinds = append(kinds, k)
		}
	}
	for _, list := range [][]kind{deadAnswers(), deadBodies(), deadConnections(), deadTLS()} {
		kinds = append(kinds, list...)
	}
	for _, k := range waitingKinds() {
		k.waits = true
		kinds = append(kinds, k)
	}
	return kinds
}

// healthyAnswers deliver, some of them not at once.
func healthyAnswers() []kind {
	return []kind{
		{name: "ok", start: web(fine)},
		{name: "ok-capitals", start: web(says(http.StatusOK, `{"status":"OK"}`))},
		{name: "ok-more-members", start: web(says(http.StatusOK, `{"message":"thanks","data":[{"status":"fail"}],"status":"ok","time":1.5}`))},
		{name: "ok-byte-order-mark", start: web(says(http.StatusOK, "\ufeff"+usualAnswer))},
		{name: "ok-indented", start: web(says(http.StatusOK, "\r\n{\n    \"status\": \"ok\"\n}\n\n"))},
		{name: "ok-as-html", start: web(says(http.StatusOK, usualAnswer, "Content-Type", "text/html; charset=windows-1252"))},
		{name: "ok-with-trailer", start: web(trailing)},
		{name: "slow", start: web(slow)},
		{name: "drips", start: web(drips)},
		{name: "fails-first", start: web(unless(broken, firstFew))},
		{name: "fails-one-in-three", start: web(unless(broken, oneInThree))},
		{name: "503-once", start: web(unless(says(http.StatusServiceUnavailable, "", "Retry-After", "1"), first))},
		{name: "429-once", start: web(unless(says(http.StatusTooManyRequests, "", "Retry-After", "2"), first))},
		{name: "429-once-negative", start: web(unless(says(http.StatusTooManyRequests, "", "Retry-After", "-5"), first))},
		{name: "429-once-date", start: web(unless(laterByDate, first))},
		{name: "breaks-off-once", start: web(unless(breaksOff, first))},
	}
}

// healthyConnections deliver over connections that are unusual, or just other ones.
func healthyConnections() []kind {
	const hints100 = "HTTP/1.1 100 Continue\r\n\r\n"
	return []kind{
		{name: "early-hints", start: web(hints)},
		{name: "continue-unasked", start: raw(writes(hints100 + hints100 + rawOK))},
		{name: "http1.0", start: raw(writes("HTTP/1.0 200 OK\r\n\r\n" + usualAnswer))},
		{name: "closes-each", start: web(closes)},
		{name: "closes-silently", start: raw(writes(rawOK))},
		{name: "tls", start: secure(fine)},
		{name: "tls-1.2", start: secure(fine, versions(tls.VersionTLS12, tls.VersionTLS12))},
		{name: "tls-pinned", start: secure(fine, pinned)},
		{name: "http2", start: secure(fine, http2)},
		{name: "http2-goodbye", start: secure(saysGoodbye, http2)},
	}
}

// deadAnswers are whole answers that don't deliver.
func deadAnswers() []kind {
	return []kind{
		{name: "key-in-capitals", start: web(says(http.StatusOK, `{"STATUS":"ok"}`))},
		{name: "fail", start: web(says(http.StatusOK, `{"status":"fail"}`))},
		{name: "nested", start: web(says(http.StatusOK, `{"status":{"status":"ok"}}`))},
		{name: "array", start: web(says(http.StatusOK, `[{"status":"ok"}]`))},
		{name: "string", start: web(says(http.StatusOK, `"ok"`))},
		{name: "text", start: web(says(http.StatusOK, `ok`))},
		{name: "empty", start: web(says(http.StatusOK, ""))},
		{name: "half-an-object", start: web(says(http.StatusOK, `{"status":"ok"`))},
		{name: "two-objects", start: web(says(http.StatusOK, usualAnswer+usualAnswer))},
		{name: "page-around", start: web(says(http.StatusOK, "<html><body>"+usualAnswer+"</body></html>"))},
		{name: "201", start: web(says(http.StatusCreated, usualAnswer))},
		{name: "204", start: web(says(http.StatusNoContent, ""))},
		{name: "301", start: web(redirects(http.StatusMovedPermanently))},
		{name: "307", start: web(redirects(http.StatusTemporaryRedirect))},
		{name: "308", start: web(redirects(http.StatusPermanentRedirect))},
		{name: "404", start: web(says(http.StatusNotFound, "404 page not found"))},
		{name: "410", start: web(says(http.StatusGone, usualAnswer))},
		{name: "429-huge", start: web(says(http.StatusTooManyRequests, "", "Retry-After", "1000000000"))},
		{name: "500", start: web(broken)},
		{name: "502", start: web(says(http.StatusBadGateway, "<html><h1>502 Bad Gateway</h1></html>"))},
		{name: "503", start: web(says(http.StatusServiceUnavailable, usualAnswer, "Retry-After", "1"))},
	}
}

// deadBodies are answers that are too long, too short or packed.
func deadBodies() []kind {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	return []kind{
		{name: "endless", start: web(floods(0, false))},
		{name: "gigabyte", start: web(floods(gigabyte, false))},
		{name: "gigabyte-declared", start: web(floods(gigabyte, true))},
		{name: "gzip-bomb", start: web(packedBomb)},
		{name: "too-short", start: raw(writes("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + usualAnswer))},
		{name: "two-lengths", start: raw(writes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + withLength(usualAnswer)))},
		{name: "negative-length", start: raw(writes("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + usualAnswer))},
		{name: "broken-chunk", start: raw(writes(chunked + "zz\r\n" + usualAnswer + "\r\n0\r\n\r\n"))},
		{name: "unfinished-chunks", start: raw(writes(chunked + "f\r\n" + usualAnswer + "\r\n"))},
	}
}

// deadConnections don't get as far as an answer.
func deadConnections() []kind {
	const status = "HTTP/1.1 200 OK\r\n"
	return []kind{
		{name: "endless-headers", start: raw(writesForEver(status, strings.Repeat("X-More: and more\r\n", floodPart/16)))},
		{name: "long-header", start: raw(writes(status + "X-Long: " + strings.Repeat("x", 40<<10) + "\r\n" + withLength(usualAnswer)))},
		{name: "hints-for-ever", start: raw(writesForEver("", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", 100)))},
		{name: "switches-protocols", start: raw(writes("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n" + usualAnswer))},
		{name: "wrong-version", start: raw(writes(strings.Replace(rawOK, "HTTP/1.1", "HTTP/1.10", 1)))},
		{name: "wrong-status-line", start: raw(writes(strings.Replace(rawOK, "200 OK", "OK 200", 1)))},
		{name: "wrong-header", start: raw(writes(status + "no colon\r\n" + withLength(usualAnswer)))},
		{name: "http0.9", start: raw(writes(usualAnswer))},
		{name: "ssh", start: unread("SSH-2.0-OpenSSH_9.6\r\n")},
		{name: "closes-before-reading", start: unread("")},
		{name: "closes-without-answer", start: web(breaksOff)},
		{name: "resets", start: raw(resets(""))},
		{name: "resets-halfway", start: raw(resets(strings.TrimSuffix(rawOK, "}")))},
		{name: "nobody-listens", start: nobody},
		{name: "unknown-name", start: unknownName, named: true},
	}
}

// deadTLS are receivers that must not be believed, or can't be spoken to.
func deadTLS() []kind {
	return []kind{
		{name: "tls-expired", start: secure(fine, expired)},
		{name: "tls-self-signed", start: secure(fine, selfSigned)},
		{name: "tls-wrong-name", start: secure(fine, wrongName)},
		{name: "tls-wrong-root", start: secure(fine, wrongRoot)},
		{name: "tls-wrong-pin", start: secure(fine, wrongPin)},
		{name: "tls-1.1", start: secure(fine, versions(tls.VersionTLS10, tls.VersionTLS11))},
		{name: "tls-asks-certificate", start: secure(fine, asksCertificate)},
		{name: "tls-is-plain", start: plainOverTLS},
		{name: "http2-resets", start: secure(breaksOff, http2)},
	}
}

// waitingKinds hold a request until the sender's limit ends it.
func waitingKinds() []kind {
	return []kind{
		{name: "never-answers", start: web(hangs)},
		{name: "stops-halfway", start: web(hangsHalfway)},
		{name: "drips-for-ever", start: web(dripsForEver)},
		{name: "drips-header", start: raw(dripsHeader)},
		{name: "never-reads", start: parks("http")},
		{name: "never-accepts", start: neverAccepts},
		{name: "full-queue", start: fullQueue},
		{name: "tls-never-shakes-hands", start: parks("https")},
		{name: "http2-never-answers", start: secure(hangs, http2)},
	}
}
