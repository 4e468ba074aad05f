package sender

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// fakeDNS is a resolver whose server is a goroutine behind a pipe: each lookup
// of an A record gets the next address, the last one for ever; without
// addresses there is no such name.
func fakeDNS(t testing.TB, answers ...string) *net.Resolver {
	var lookups atomic.Int32
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				// Over a stream each message has its length in front.
				var length [2]byte
				if _, err := io.ReadFull(server, length[:]); err != nil {
					return
				}
				query := make([]byte, int(length[0])<<8|int(length[1]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				answer := answerDNS(query, func() (netip.Addr, bool) {
					if len(answers) == 0 {
						return netip.Addr{}, false
					}
					i := min(int(lookups.Add(1)), len(answers))
					return netip.MustParseAddr(answers[i-1]), true
				})
				if _, err := server.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// answerDNS builds the answer to a query with one question (RFC 1035).
func answerDNS(query []byte, next func() (netip.Addr, bool)) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5] // name, type, class
	isA := question[len(question)-3] == 1
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if !isA {
		return answer
	}
	addr, ok := next()
	if !ok {
		answer[3] |= 3 // no such name
		return answer
	}
	answer[7] = 1
	answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(answer, addr.AsSlice()...)
}
