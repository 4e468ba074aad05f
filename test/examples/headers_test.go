package examples

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
)

// changesOfHeaders are what else doesn't fit the body.
var changesOfHeaders = []mutation{
	{"another id", func(f forger, m message) message {
		other, _ := f.genuine()
		m.ID = pick(f.Rand, m.ID+"0", m.ID[1:], strings.ToUpper(m.ID), other.ID, m.ID+" ", m.ID+".")
		return m
	}},
	{"another time", func(f forger, m message) message {
		seconds, _ := strconv.ParseInt(m.Time, 10, 64)
		m.Time = pick(f.Rand, strconv.FormatInt(seconds+1+f.Int64N(100), 10), strconv.FormatInt(seconds-1-f.Int64N(100), 10),
			strconv.FormatInt(m.Now, 10), "0"+m.Time, m.Time+"0", m.Time[1:], "+"+m.Time, m.Time+".0")
		return m
	}},
	{"no id", func(_ forger, m message) message { m.ID = ""; return m }},
	{"no time", func(_ forger, m message) message { m.Time = ""; return m }},
	{"no signature", func(_ forger, m message) message { m.Signatures = ""; return m }},
	{"no headers", func(_ forger, m message) message { return message{Body: m.Body, Now: m.Now} }},
	{"no id, signed so", func(f forger, m message) message { m.ID = ""; return f.sign(m) }},
	{"no number for a time, signed so", func(f forger, m message) message {
		devanagari := strings.Map(func(r rune) rune { return '०' + r - '0' }, m.Time) // digits to some
		m.Time = pick(f.Rand, "now", m.Time+".5", "+"+m.Time, m.Time+"x", " "+m.Time, m.Time+" ", m.Time+"\n", "1e9", "0x"+m.Time, "NaN",
			"Infinity", "-0", devanagari, time.Unix(m.Now, 0).UTC().Format(time.RFC3339), m.Time+","+m.Time, "")
		return f.sign(m)
	}},
	{"old, signed so", func(f forger, m message) message { return f.sign(f.late(m, -1)) }},
	{"from the future, signed so", func(f forger, m message) message { return f.sign(f.late(m, 1)) }},
	{"sent again later", func(f forger, m message) message {
		tolerance := int64(galla.WebhookTolerance / time.Second)
		m.Now += 2*tolerance + 1 + f.Int64N(1e7)
		return m
	}},
	{"another letter in the signature", func(f forger, m message) message {
		at := f.IntN(len(m.Signatures))
		m.Signatures = m.Signatures[:at] + string(rune('!'+f.IntN('~'-'!'+1))) + m.Signatures[at+1:]
		return m
	}},
	{"the signature cut", func(f forger, m message) message {
		signature := m.signed(pick(f.Rand, f.secrets...))
		m.Signatures = pick(f.Rand, signature[:f.IntN(len(signature))], signature[1+f.IntN(3):], strings.TrimRight(signature, "="))
		return m
	}},
	{"another form of the signature", func(f forger, m message) message {
		secret := pick(f.Rand, f.secrets...)
		text := strings.TrimPrefix(m.signed(secret), "v1,")
		sum, _ := base64.StdEncoding.DecodeString(text)
		m.Signatures = pick(f.Rand, "v0,", "v2,", "v10,", "V1,", "v1a,", "v1=", "v1:", "v1", "v1,v1,", "v1,,", ",", "", "sha256=", `"v1,`) + text
		switch f.IntN(4) {
		case 0:
			m.Signatures = "v1," + hex.EncodeToString(sum)
		case 1:
			m.Signatures = pick(f.Rand, "v1,"+text+",v1,"+text, "v1,"+text+"v1,"+text, "v1,"+text+";", "v1,"+text+"=")
		}
		return m
	}},
	{"signed with another key", func(f forger, m message) message {
		m.Signatures = pick(f.Rand, m.signed(f.other.secrets[0]), m.with("", m.text()), m.with(f.secrets[0], m.text()),
			m.with(strings.TrimPrefix(f.secrets[0], "whsec_"), m.text()), m.with(f.private, m.text()), m.with(f.access, m.text()))
		return m
	}},
	{"signed over another text", func(f forger, m message) message {
		body := string(m.Body)
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(f.secrets[0], "whsec_"))
		m.Signatures = m.with(string(key), pick(f.Rand, body, m.ID+"."+body, m.Time+"."+body, m.Time+"."+m.ID+"."+body, m.ID+m.Time+body, "", ".."+body))
		return m
	}},
	{"signed by another function", func(f forger, m message) message {
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(f.secrets[0], "whsec_"))
		mac := hmac.New(sha512.New, key)
		mac.Write([]byte(m.text()))
		sum := mac.Sum(nil)
		m.Signatures = "v1," + base64.StdEncoding.EncodeToString(sum[:pick(f.Rand, len(sum), 32)])
		return m
	}},
	{"the signature of the body in the headers", func(f forger, m message) message {
		m.Signatures = pick(f.Rand, "v1,", "") + string(m.Body[len(head):headSize])
		return m
	}},
	{"the headers of another", func(f forger, m message) message {
		other, _ := f.genuine()
		return message{Body: m.Body, ID: other.ID, Time: other.Time, Signatures: other.Signatures, Now: other.Now}
	}},
	{"the body of another", func(f forger, m message) message {
		other, _ := f.genuine()
		m.Body = other.Body
		return m
	}},
	{"the signature of another", func(f forger, m message) message {
		other, _ := f.genuine()
		m.Signatures = other.Signatures
		return m
	}},
	// The signed text stays, byte for byte; what moves are the dots that divide it.
	{"divided elsewhere", func(f forger, m message) message {
		if id, rest, found := strings.Cut(m.ID, "."); found && f.IntN(2) == 0 {
			m.ID, m.Time = id, rest+"."+m.Time
			return m
		}
		if before, after, found := strings.Cut(string(m.Body), "."); found {
			m.ID, m.Time, m.Body = m.ID+"."+m.Time, before, []byte(after)
		}
		return m
	}},
}

// late moves a message's time beyond the tolerance, to one side.
func (f forger) late(m message, side int64) message {
	tolerance := int64(galla.WebhookTolerance / time.Second)
	by := pick(f.Rand, 1, 1+f.Int64N(60), 1+f.Int64N(1e6), 1+f.Int64N(1e9))
	m.Time = strconv.FormatInt(m.Now+side*(tolerance+by), 10)
	if f.IntN(8) == 0 {
		m.Time = pick(f.Rand, "0", "-1", "1", "999999999999", "9223372036854775807", "-9223372036854775808", "99999999999999999999999")
	}
	return m
}

// text is what the headers sign.
func (m message) text() string { return m.ID + "." + m.Time + "." + string(m.Body) }

// with is a signature by the bytes of a key.
func (m message) with(key, text string) string { return signatureOf([]byte(key), text) }
