package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DecodeMessages reads one request of a message source, its payload exactly as the app of that kind sends it. secret is
// the source's token: where the request carries a signature made with it, the signature must be right (401). A request
// that reports no message (a ping of the app) gives no messages and no error.
//
// An item whose JSON or members are wrong comes back as a Message with Problem set, in its place. Only a body that can't
// be cut into items is a *DecodeError. contentType is ignored: the body decides whether it is JSON or a form.
func DecodeMessages(
	kind SourceKind, contentType string, header http.Header, body []byte, secret string, now time.Time,
) ([]Message, error) {
	if len(body) > MaxBodyBytes {
		return nil, &DecodeError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", MaxBodyBytes)}
	}
	switch kind {
	case SourceSMS:
		return decodeItems(body, ownMessage)
	case SourceIncomeSMS:
		if err := checkBodySignature(header, body, "", secret); err != nil {
			return nil, err
		}
		return decodeItems(body, incomeSMSMessage)
	case SourceSMSGate:
		timestamp := header.Get("X-Timestamp")
		if err := checkBodySignature(header, body, timestamp, secret); err != nil {
			return nil, err
		}
		return decodeSMSGate(body)
	case SourceSMSForward:
		return decodeSMSForwarder(body, func(sign, timestamp string) bool { return smsForwarderSignOK(sign, timestamp, secret) })
	}
	return nil, &DecodeError{http.StatusUnprocessableEntity, fmt.Sprintf("a source of kind %q sends no messages", kind)}
}

// DecodeStored reads the Raw of one Message again. Its signature, where the item itself carries one, was right when it
// came, and the secret may have been changed since.
func DecodeStored(kind SourceKind, raw []byte, now time.Time) (Message, bool) {
	var messages []Message
	var err error
	switch kind {
	case SourceSMSForward:
		messages, err = decodeSMSForwarder(raw, func(string, string) bool { return true })
	case SourceSMSGate:
		if fields, parseErr := parseObject(raw); parseErr == nil && fields.raw("event") == nil {
			messages = []Message{finish(raw, fields, smsGateMessage)} // of a batch
			break
		}
		messages, err = decodeSMSGate(raw)
	default:
		messages, err = DecodeMessages(kind, "", http.Header{}, raw, "", now)
	}
	if err != nil || len(messages) != 1 || messages[0].Problem != "" {
		return Message{}, false
	}
	return messages[0], true
}

// decodeItems cuts the body and reads each item by itself.
func decodeItems(body []byte, read func(object) (Message, error)) ([]Message, error) {
	items, err := splitItems(body)
	if err != nil {
		return nil, err
	}
	messages := make([]Message, 0, len(items))
	for _, raw := range items {
		fields, err := parseObject(raw)
		if err != nil {
			messages = append(messages, malformed(raw, err))
			continue
		}
		messages = append(messages, finish(raw, fields, read))
	}
	return messages, nil
}

func finish(raw []byte, fields object, read func(object) (Message, error)) Message {
	m, err := read(fields)
	if err != nil {
		return malformed(raw, err)
	}
	m.Raw = raw
	if m.App == "" && isPackage(m.Sender) {
		m.App = m.Sender
	}
	checkLengths(&m)
	return m
}

func malformed(raw []byte, err error) Message {
	return Message{Raw: raw, Problem: ReasonMalformed, Detail: err.Error()}
}

func checkLengths(m *Message) {
	tooLong := func(name, text string) {
		if m.Problem == "" && utf8.RuneCountInString(text) > MaxFieldChars {
			m.Problem, m.Detail = ReasonTooLong, fmt.Sprintf("%q is longer than %d characters", name, MaxFieldChars)
		}
	}
	tooLong("sender", m.Sender)
	tooLong("title", m.Title)
	tooLong("app", m.App)
	switch {
	case m.Problem != "":
	case len(m.Text) > MaxTextBytes:
		m.Problem, m.Detail = ReasonTooLong, fmt.Sprintf("the text is longer than %d bytes", MaxTextBytes)
	case strings.TrimSpace(m.Text) == "":
		m.Problem, m.Detail = ReasonMalformed, "the text is missing"
	case strings.TrimSpace(m.Sender) == "" && m.App == "":
		m.Problem, m.Detail = ReasonMalformed, "the sender is missing"
	}
}

// ownMessage reads {"sender","text","received_at"} and, for app notifications, "app" and "title".
func ownMessage(o object) (m Message, err error) {
	err = o.texts(textField{"sender", &m.Sender}, textField{"text", &m.Text}, textField{"received_at", &m.GivenTime},
		textField{"app", &m.App}, textField{"title", &m.Title})
	if err != nil || m.GivenTime == "" {
		return m, err
	}
	m.ReceivedAt, err = time.Parse(time.RFC3339Nano, m.GivenTime)
	if err != nil {
		m.Problem, m.Detail = ReasonBadTime, `"received_at" must be RFC 3339, for example 2026-11-22T10:00:00Z`
		return m, nil
	}
	m.ReceivedAt = m.ReceivedAt.UTC()
	return m, nil
}

type textField struct {
	key    string
	target *string
}

// texts reads the named members.
func (o object) texts(fields ...textField) (err error) {
	for _, field := range fields {
		if *field.target, err = o.text(field.key); err != nil {
			return err
		}
	}
	return nil
}

// incomeSMSMessage reads the default payload of android_income_sms_gateway_webhook; the two stamps are milliseconds
// when the template is untouched, dates in the phone's zone when it was edited (then only the fingerprint uses them).
// The app also forwards notifications; then "from" is their title, which any app can choose, and "sim" says so.
func incomeSMSMessage(o object) (m Message, err error) {
	var sent, received, sim string
	err = o.texts(textField{"from", &m.Sender}, textField{"text", &m.Text},
		textField{"sentStamp", &sent}, textField{"receivedStamp", &received}, textField{"sim", &sim})
	if sim == unnamedApp {
		m.App, m.Title = unnamedApp, m.Sender
	}
	m.GivenTime = sent + "/" + received
	m.ReceivedAt = unixMillis(received)
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = unixMillis(sent)
	}
	return m, err
}

// unixMillis reads milliseconds since 1970; anything else, or a year outside of 2000-2200, is the zero time.
func unixMillis(text string) time.Time {
	const year2000, year2200 = 946684800000, 7258118400000
	millis, err := strconv.ParseInt(text, 10, 64)
	if err != nil || millis < year2000 || millis > year2200 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// checkBodySignature checks X-Signature, the hexadecimal HMAC-SHA256 of body + timestamp, where the request has one.
func checkBodySignature(header http.Header, body []byte, timestamp, secret string) error {
	given := header.Values("X-Signature")
	if len(given) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	mac.Write([]byte(timestamp))
	signature, err := hex.DecodeString(given[0])
	if err != nil || len(given) != 1 || !hmac.Equal(signature, mac.Sum(nil)) {
		return &DecodeError{http.StatusUnauthorized, "X-Signature is wrong; set the app's signing key to the token of this source"}
	}
	return nil
}

// isPackage reports whether a sender is an Android package name, which some forwarders give for app notifications.
func isPackage(sender string) bool {
	parts := strings.Split(sender, ".")
	if len(parts) < 3 {
		return false
	}
	for _, part := range parts {
		if part == "" || strings.IndexFunc(part, func(r rune) bool {
			return r != '_' && !(r >= 'a' && r <= 'z') && !(r >= 'A' && r <= 'Z') && !(r >= '0' && r <= '9')
		}) >= 0 {
			return false
		}
	}
	return true
}
