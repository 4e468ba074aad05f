package evidence

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// decodeSMSGate reads a webhook of SMS Gateway for Android. Events other than received texts report no message.
// Newer versions name the sender "sender", older ones "phoneNumber"; a batch event holds several messages.
func decodeSMSGate(body []byte) ([]Message, error) {
	items, err := splitItems(body)
	if err != nil {
		return nil, err
	}
	var messages []Message
	for _, raw := range items {
		messages = append(messages, smsGateEvent(raw)...)
		if len(messages) > MaxItems { // batches in an array: each alone was small enough
			return nil, &DecodeError{http.StatusUnprocessableEntity, fmt.Sprintf("more than %d messages; send them in several requests", MaxItems)}
		}
	}
	return messages, nil
}

func smsGateEvent(raw []byte) []Message {
	event, err := parseObject(raw)
	if err != nil {
		return []Message{malformed(raw, err)}
	}
	name, err := event.text("event")
	if err != nil || name == "" {
		return []Message{malformed(raw, errors.New(`"event" is missing`))}
	}
	if name != "sms:received" && name != "sms:batch:received" {
		return nil
	}
	payload, err := parseMember(event, "payload")
	if err != nil {
		return []Message{malformed(raw, err)}
	}
	if name == "sms:received" {
		return []Message{finish(raw, payload, smsGateMessage)}
	}
	list := payload.raw("messages")
	if list == nil || list[0] != '[' {
		return []Message{malformed(raw, errors.New(`"messages" must be an array`))}
	}
	batch, err := splitArray(list)
	if err != nil {
		return []Message{malformed(raw, err)}
	}
	var messages []Message
	for _, item := range batch {
		fields, err := parseObject(item)
		if err != nil {
			messages = append(messages, malformed(item, err))
			continue
		}
		messages = append(messages, finish(item, fields, smsGateMessage))
	}
	return messages
}

func parseMember(o object, key string) (object, error) {
	value := o.raw(key)
	if value == nil {
		return nil, errors.New(`"` + key + `" is missing`)
	}
	return parseObject(value)
}

func smsGateMessage(o object) (m Message, err error) {
	var phone string
	err = o.texts(textField{"sender", &m.Sender}, textField{"phoneNumber", &phone},
		textField{"message", &m.Text}, textField{"receivedAt", &m.GivenTime})
	if m.Sender == "" {
		m.Sender = phone
	}
	if at, parseErr := time.Parse(time.RFC3339Nano, m.GivenTime); parseErr == nil {
		m.ReceivedAt = at.UTC()
	}
	return m, err
}

// decodeSMSForwarder reads a webhook of SmsForwarder: a form, or JSON when its user wrote a JSON template. sign covers
// the timestamp only; an empty one is what the app sends without a secret.
func decodeSMSForwarder(body []byte, signed signCheck) ([]Message, error) {
	trimmed := bytes.Trim(bytes.TrimPrefix(body, utf8BOM), jsonSpace)
	if len(trimmed) > 0 && trimmed[0] != '{' && trimmed[0] != '[' {
		fields, err := parseForm(trimmed)
		if err != nil {
			return nil, err
		}
		return smsForwarderItems([]smsForwarderItem{{trimmed, fields, nil}}, signed)
	}
	items, err := splitItems(body)
	if err != nil {
		return nil, err
	}
	list := make([]smsForwarderItem, 0, len(items))
	for _, raw := range items {
		list = append(list, smsForwarderJSON(raw))
	}
	return smsForwarderItems(list, signed)
}

type smsForwarderItem struct {
	raw    []byte
	fields map[string]string
	err    error
}

// smsForwarderFields are the members read; the app replaces its tags in whatever template its user wrote, and these are
// the names its documentation and default use.
var smsForwarderFields = []string{"from", "content", "msg", "text", "org_content", "title", "timestamp", "sign"}

func smsForwarderJSON(raw []byte) smsForwarderItem {
	members, err := parseObject(raw)
	fields := make(map[string]string, len(smsForwarderFields))
	for _, name := range smsForwarderFields {
		if err == nil {
			fields[name], err = members.text(name)
		}
	}
	return smsForwarderItem{raw, fields, err}
}

func parseForm(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &DecodeError{http.StatusUnprocessableEntity, "the body is neither JSON nor a form"}
	}
	fields := make(map[string]string, len(smsForwarderFields))
	for _, name := range smsForwarderFields {
		given := values[name]
		if len(given) > 1 {
			return nil, &DecodeError{http.StatusUnprocessableEntity, "the form field " + name + " stands twice"}
		}
		if len(given) == 1 {
			fields[name] = strings.ToValidUTF8(given[0], "\uFFFD")
		}
	}
	if fields["from"] == "" && smsForwarderContent(fields) == "" {
		return nil, &DecodeError{http.StatusUnprocessableEntity, "the body is neither JSON nor a form with from and content"}
	}
	return fields, nil
}

func smsForwarderContent(fields map[string]string) string {
	for _, name := range [...]string{"org_content", "content", "msg", "text"} {
		if fields[name] != "" {
			return fields[name]
		}
	}
	return ""
}

func smsForwarderItems(items []smsForwarderItem, signed signCheck) ([]Message, error) {
	messages := make([]Message, 0, len(items))
	for _, item := range items {
		if item.err != nil {
			messages = append(messages, malformed(item.raw, item.err))
			continue
		}
		if sign := item.fields["sign"]; sign != "" && !signed(sign, item.fields["timestamp"]) {
			return nil, &DecodeError{http.StatusUnauthorized, "sign is wrong; set the app's secret to the token of this source"}
		}
		m := Message{
			Sender:     item.fields["from"],
			Text:       smsForwarderContent(item.fields),
			Title:      item.fields["title"],
			ReceivedAt: unixMillis(item.fields["timestamp"]),
			GivenTime:  item.fields["timestamp"],
			Raw:        item.raw,
		}
		if isPackage(m.Sender) {
			m.App = m.Sender
		} else {
			m.Title = "" // for a text message the tag [title] is the name of the SIM card
		}
		stripDefaultTemplate(&m)
		checkLengths(&m)
		messages = append(messages, m)
	}
	return messages, nil
}

// signCheck decides whether the sign of an item is right.
type signCheck func(sign, timestamp string) bool

// smsForwarderSignOK compares with base64(HMAC-SHA256(secret, timestamp "\n" secret)). The app URL-encodes that value
// before it puts it into a form, which encodes again, so after form decoding it may still be encoded once.
func smsForwarderSignOK(sign, timestamp, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret))
	want := mac.Sum(nil)
	if decoded, err := url.QueryUnescape(sign); err == nil && strings.Contains(sign, "%") {
		sign = decoded
	}
	given, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(sign, " ", "+"))
	return err == nil && hmac.Equal(given, want)
}

var (
	forwarderTime  = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`)
	forwarderSubID = regexp.MustCompile(`^SubId[：:]\s*-?\d+$`)
)

// stripDefaultTemplate takes off what the app's default template puts around a text: the sender in the first line; the
// name of the SIM card (or the title of the notification), "SubId" for texts, the time, and the device in the last ones.
func stripDefaultTemplate(m *Message) {
	lines := strings.Split(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n")
	if len(lines) < 4 || strings.TrimSpace(lines[0]) != strings.TrimSpace(m.Sender) {
		return
	}
	at := len(lines) - 1
	for ; at > len(lines)-3; at-- { // the device's name may be empty, and then its line is trimmed off
		if forwarderTime.MatchString(strings.TrimSpace(lines[at])) {
			break
		}
	}
	if !forwarderTime.MatchString(strings.TrimSpace(lines[at])) {
		return
	}
	at--
	if forwarderSubID.MatchString(strings.TrimSpace(lines[at])) {
		at--
	}
	if at < 2 {
		return
	}
	if m.App != "" && m.Title == "" {
		m.Title = strings.TrimSpace(lines[at])
	}
	m.Text = strings.Join(lines[1:at], "\n")
}
