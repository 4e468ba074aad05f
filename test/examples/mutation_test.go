package examples

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
)

// forger changes messages of its author. It says how much of the author's keys it has.
type forger struct {
	*author
	other *author // whose keys the receiver doesn't know
}

// mutation is one way to forge.
type mutation struct {
	name  string
	forge func(f forger, m message) message
}

// mutations are all ways: each change of a body under the headers as they were, with its legacy signature put right, with
// its headers signed anew, and with both but by other keys; and the changes of headers.
func mutations() []mutation {
	var list []mutation
	for _, c := range append(changesOfBytes, changesOfMembers...) {
		of := func(f forger, m message) message {
			m.Body = c.change(f, bytes.Clone(m.Body))
			return m
		}
		list = append(list,
			mutation{c.name, of},
			mutation{c.name + ", the body signed anew", func(f forger, m message) message {
				m = of(f, m)
				m.Body = resealed(m.Body, f.access, f.private)
				return m
			}},
			mutation{c.name + ", the headers signed anew", func(f forger, m message) message { return f.sign(of(f, m)) }},
			mutation{c.name + ", both signed by other keys", func(f forger, m message) message {
				m = of(f, m)
				m.Body = resealed(m.Body, f.other.access, f.other.private)
				m.Signatures = m.signed(f.other.secrets[0])
				return m
			}})
	}
	for _, c := range changesOfLegacySignature {
		list = append(list, mutation{c.name, func(f forger, m message) message {
			m.Body = c.change(f, bytes.Clone(m.Body))
			return f.sign(m)
		}})
	}
	return append(list, changesOfHeaders...)
}

// sign signs the headers anew, as only who knows a webhook secret can.
func (f forger) sign(m message) message {
	m.Signatures = m.signed(pick(f.Rand, f.secrets...))
	return m
}

// forged tells whether a message must be refused, and isn't one that says the same as the genuine one it was made from:
//
//   - Where the headers don't fit, it must be refused.
//   - Where they fit the same id, time and body, nothing was forged, unless the time has passed.
//   - Where they fit something else, somebody who knows the webhook secret has signed it, and it is up to the signature in
//     the body, or to the form of the headers. That signature covers additional_data alone, as a decoder hands it over
//     (the last of members with one name): where that is unchanged and the signature is still there, nothing was forged.
func (f forger) forged(m, genuine message) bool {
	seconds, err := strconv.ParseInt(m.Time, 10, 64)
	fresh := err == nil && strconv.FormatInt(seconds, 10) == m.Time && time.Unix(m.Now, 0).Sub(time.Unix(seconds, 0)).Abs() <= galla.WebhookTolerance
	if !m.fits(f.secrets) || !fresh || m.ID == "" {
		return true
	}
	if m.same(genuine) {
		return false
	}
	was, is := decoded(genuine.Body), decoded(bytes.TrimPrefix(m.Body, []byte("\xef\xbb\xbf"))) // some decoders skip that
	return is == nil || !bytes.Equal(is["additional_data"], was["additional_data"]) || !bytes.Contains(m.Body, was["signature"])
}

// decoded are the members of a body as they stand in it, nil when it isn't a JSON object.
func decoded(body []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	return members
}

// resealed puts the right legacy signature into a body where it can be read.
func resealed(body []byte, access, private string) []byte {
	data, found := decoded(body)["additional_data"]
	if !found || len(body) < headSize {
		return body
	}
	return append(append([]byte(head), legacy(access+private, data)...), body[headSize:]...)
}

const (
	head     = `{"signature":"`
	headSize = len(head) + 2*sha1.Size
)

// legacy is written apart from package galla's: what both got wrong would look right.
func legacy(keys string, data []byte) string {
	digest := md5.Sum(data)
	sum := sha1.Sum([]byte(keys + hex.EncodeToString(digest[:])))
	return hex.EncodeToString(sum[:])
}

// change is a change of a body.
type change struct {
	name   string
	change func(f forger, body []byte) []byte
}

var changesOfBytes = []change{
	{"a flipped bit", func(f forger, body []byte) []byte {
		body[f.IntN(len(body))] ^= 1 << f.IntN(8)
		return body
	}},
	{"a flipped bit in additional_data", func(f forger, body []byte) []byte {
		start := bytes.Index(body, []byte(`"additional_data":`))
		body[start+f.IntN(len(body)-start)] ^= 1 << f.IntN(8)
		return body
	}},
	{"bytes overwritten", func(f forger, body []byte) []byte {
		copy(body[f.IntN(len(body)):], f.bytes(1+f.IntN(8)))
		return body
	}},
	{"bytes taken out", func(f forger, body []byte) []byte {
		start := f.IntN(len(body))
		return append(body[:start], body[min(len(body), start+1+f.IntN(8)):]...)
	}},
	{"truncated", func(f forger, body []byte) []byte { return body[:f.IntN(len(body))] }},
	{"the last bytes cut off", func(f forger, body []byte) []byte { return body[:len(body)-1-f.IntN(4)] }},
	{"the first bytes cut off", func(f forger, body []byte) []byte { return body[1+f.IntN(60):] }},
	{"bytes behind it", func(f forger, body []byte) []byte {
		return append(body, pick(f.Rand, " ", "\n", "}", "]}", "\x00", "{}", ",", string(body))...)
	}},
	{"bytes before it", func(f forger, body []byte) []byte {
		return append([]byte(pick(f.Rand, " ", "\n", "\xef\xbb\xbf", "{", "\x00", "[")), body...)
	}},
	{"another decoding of the same", func(f forger, body []byte) []byte {
		old, as := "", ""
		switch f.IntN(4) {
		case 0: // what decoding and encoding again would hide
			old, as = "/", `\/`
		case 1:
			old, as = `:"`, `: "`
		case 2:
			old, as = `_`, `\u005f`
		default:
			old, as = `"transaction_type":0`, `"transaction_type":-0`
		}
		at := bytes.Index(body, []byte(`"additional_data":[`)) + len(`"additional_data":`)
		return append(bytes.Clone(body[:at]), bytes.Replace(body[at:], []byte(old), []byte(as), 1+f.IntN(3))...)
	}},
}

var changesOfLegacySignature = []change{
	{"the signature in capitals", func(_ forger, body []byte) []byte { return withLegacy(body, strings.ToUpper) }},
	{"another digit in the signature", func(f forger, body []byte) []byte {
		return withLegacy(body, func(signature string) string {
			at := f.IntN(len(signature))
			return signature[:at] + pick(f.Rand, strings.Split("0123456789abcdef", "")...) + signature[at+1:]
		})
	}},
	{"the signature cut", func(f forger, body []byte) []byte {
		return withLegacy(body, func(signature string) string { return signature[:f.IntN(len(signature))] })
	}},
	{"no signature", func(f forger, body []byte) []byte {
		return bytes.Replace(body, body[1:headSize+2], []byte(pick(f.Rand, "", `"signature":null,`, `"signature":0,`, `"signature":[],`, `"signature":true,`)), 1)
	}},
	{"signed with other keys", func(f forger, body []byte) []byte {
		keys := pick(f.Rand, f.other.access+f.other.private, f.access+f.other.private, f.other.access+f.private, f.access, f.private, f.private+f.access, "")
		return withLegacy(body, func(string) string { return legacy(keys, decoded(body)["additional_data"]) })
	}},
	{"signed over other bytes", func(f forger, body []byte) []byte {
		data := decoded(body)["additional_data"]
		return withLegacy(body, func(string) string {
			return legacy(f.access+f.private, pick(f.Rand, nil, []byte("null"), data[1:len(data)-1], body, append(bytes.Clone(data), '}')))
		})
	}},
}

func withLegacy(body []byte, change func(string) string) []byte {
	return append([]byte(head+change(string(body[len(head):headSize]))), body[headSize:]...)
}

// changesOfMembers are changes of one member of the body or of additional_data[0].
var changesOfMembers = []change{
	ofMembers("another value", func(f forger, list []member) []member {
		i := f.IntN(len(list))
		list[i].value = f.value()
		return list
	}),
	ofMembers("another name", func(f forger, list []member) []member {
		i := f.IntN(len(list))
		list[i].name = pick(f.Rand, strings.ToUpper(list[i].name), list[i].name+" ", "x", list[pick(f.Rand, 0, len(list)-1)].name)
		return list
	}),
	ofMembers("two members in each other's place", func(f forger, list []member) []member {
		i, j := f.IntN(len(list)), f.IntN(len(list))
		list[i], list[j] = list[j], list[i]
		return list
	}),
	ofMembers("two values in each other's place", func(f forger, list []member) []member {
		i, j := f.IntN(len(list)), f.IntN(len(list))
		list[i].value, list[j].value = list[j].value, list[i].value
		return list
	}),
	ofMembers("a member left out", func(f forger, list []member) []member {
		i := f.IntN(len(list))
		return append(list[:i], list[i+1:]...)
	}),
	ofMembers("a member twice", func(f forger, list []member) []member {
		twice := list[f.IntN(len(list))]
		if f.IntN(2) == 0 {
			twice.value = f.value()
		}
		at := f.IntN(len(list) + 1)
		return append(list[:at:at], append([]member{twice}, list[at:]...)...)
	}),
	ofMembers("one more member", func(f forger, list []member) []member {
		at := f.IntN(len(list) + 1)
		return append(list[:at:at], append([]member{{"x", f.value()}}, list[at:]...)...)
	}),
	{"another additional_data hidden from who searches the text", func(f forger, body []byte) []byte {
		other, _ := f.genuine()
		data := decoded(other.Body)["additional_data"]
		before, genuine, _ := bytes.Cut(body, []byte(`,"additional_data":`))
		return []byte(fmt.Sprintf(pick(f.Rand,
			`%s,"additional_data" :%s,"x\"additional_data":%s`, // the quote is part of the name
			`%s,"additional_data":%s,"x,\"additional_data":%s`,
			`%s,"\u0061dditional_data":%s,"x\"additional_data":%s`,
			`%s,"additional_data" :%s,"x":{"additional_data":%s}`,
			`%s,"additional_data" :%s,"x":{"y":0,"additional_data":%s}`,
		), before, data, genuine))
	}},
}

// member is a member of an object, its value as it stands there.
type member struct {
	name  string
	value string
}

// ofMembers changes the members of the body or, more often, those of additional_data[0].
func ofMembers(name string, change1 func(forger, []member) []member) change {
	return change{name, func(f forger, body []byte) []byte {
		list := membersOf(body)
		if f.IntN(4) == 0 {
			return joined(change1(f, list))
		}
		last := &list[len(list)-1]
		last.value = "[" + string(joined(change1(f, membersOf([]byte(last.value[1:len(last.value)-1]))))) + "]"
		return joined(list)
	}}
}

func membersOf(object []byte) []member {
	var list []member
	err := galla.DecodeStrict(object, func(name []byte, value galla.Value) error {
		list = append(list, member{string(name), string(value.Raw)})
		return nil
	})
	if err != nil {
		panic(err) // the object is genuine
	}
	return list
}

func joined(list []member) []byte {
	var parts []string
	for _, m := range list {
		parts = append(parts, `"`+m.name+`":`+m.value)
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// value is some JSON value.
func (f forger) value() string {
	return pick(f.Rand, "null", "true", "0", "-1", "1e3", `""`, `"0"`, "[]", "{}", "[{}]", `"outgoing"`, `"ingoing"`, `"700"`, "700",
		strconv.FormatInt(f.Int64(), 10), strconv.Quote(f.base64(6)))
}
