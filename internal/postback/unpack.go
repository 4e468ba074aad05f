package postback

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// ErrDamaged: what is stored of a postback isn't its body as it was packed. It must not be sent.
var ErrDamaged = errors.New("its stored body is damaged")

// StoredBody is the exact body of a stored postback, from its two columns: packed, or, in rows of before bodies were
// packed, body itself. ErrDamaged when it isn't there unharmed; the error names the postback.
func StoredBody(id int64, body string, packed []byte) ([]byte, error) {
	switch {
	case packed == nil && body != "":
		return []byte(body), nil
	case packed == nil || body != "":
		return nil, fmt.Errorf("postback %d: %w: it has to be in one of two columns", id, ErrDamaged)
	}
	plain, err := Unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("postback %d: %w", id, err)
	}
	return plain, nil
}

// Unpack gives back the exact bytes that Pack was given. ErrDamaged: these are not what Pack made.
func Unpack(packed []byte) ([]byte, error) {
	if len(packed) < packedHead {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrDamaged, len(packed))
	}
	body, err := packed[packedHead:], error(nil)
	switch form := packed[0]; form {
	case packedPlain:
		body = bytes.Clone(body)
	case packed1:
		body, err = inflate(body)
	default:
		err = fmt.Errorf("%w: form %d is none that this release knows", ErrDamaged, form)
	}
	if err == nil && crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(packed[1:]) {
		err = fmt.Errorf("%w: its checksum is another", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// unpacker is a reader of DEFLATE, which is kept since it is large.
type unpacker struct {
	in  bytes.Reader
	out io.ReadCloser
}

var unpackers = sync.Pool{New: func() any {
	u := &unpacker{}
	u.out = flate.NewReaderDict(&u.in, dictionary1Bytes)
	return u
}}

// dictionary1Bytes are nobody's to change.
var dictionary1Bytes = []byte(dictionary1)

// usualBody is how long a body mostly is at most, in bytes.
const usualBody = 1 << 10

func inflate(deflated []byte) ([]byte, error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	u.in.Reset(deflated)
	if err := u.out.(flate.Resetter).Reset(&u.in, dictionary1Bytes); err != nil {
		return nil, err
	}
	body := make([]byte, 0, usualBody)
	for {
		n, err := u.out.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxPacked:
			return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrDamaged, maxPacked)
		case err == io.EOF && u.in.Len() > 0:
			return nil, fmt.Errorf("%w: %d bytes follow it", ErrDamaged, u.in.Len())
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}
