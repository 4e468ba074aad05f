// Package keyring holds the keys of one installation: it seals what must be
// readable again (private keys that sign), hashes what only needs checking
// (API secrets, source tokens), and makes the random texts both start from.
//
// The first key of the key file seals and hashes. The keys after it are older
// ones, kept so that what was sealed or hashed under them still opens and
// still matches.
package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Sizes of the key and of the envelope that Seal returns, in bytes:
// version (1) · key id (6) · nonce (12) · ciphertext · tag (16).
const (
	keySize    = 32
	idSize     = 6
	headerSize = 1 + idSize
	nonceSize  = 12
	tagSize    = 16
)

// envelopeVersion is the first byte of everything Seal returns.
const envelopeVersion = 1

// Labels that keep the derived keys apart (RFC 5869, the info argument). A
// changed label is a changed key: never edit one, add a new one.
const (
	labelID    = "galla.key.id.v1"
	labelSeal  = "galla.key.seal.v1"
	labelHash  = "galla.key.hash.v1"
	labelCheck = "galla.key.check.v1"
)

// checkPrefix starts every check value and is its version.
const checkPrefix = "v1:"

// Errors that callers tell apart with errors.Is.
var (
	// ErrOtherKey: the check value of the database belongs to a key that is
	// not in the key file.
	ErrOtherKey = errors.New("the key file does not belong to this database")
	// ErrUnknownKey: sealed under a key that is not in the key file.
	ErrUnknownKey = errors.New("sealed under a key that is not in the key file")
	// ErrDamaged: not an envelope, changed since, or read from another place
	// than it was sealed for.
	ErrDamaged = errors.New("sealed value is damaged or belongs to another row")
)

// Keyring is the opened key file. It never changes after Load and may be used
// by many goroutines.
type Keyring struct {
	keys []key // newest first, at least one
}

// key is one line of the key file with everything derived from it. The line
// itself isn't kept.
type key struct {
	id    [idSize]byte
	aead  cipher.AEAD
	hash  []byte
	check []byte
}

func newKey(line [keySize]byte) (key, error) {
	derive := func(label string, size int) ([]byte, error) {
		return hkdf.Key(sha256.New, line[:], nil, label, size)
	}
	id, err := derive(labelID, idSize)
	if err != nil {
		return key{}, err
	}
	seal, err := derive(labelSeal, keySize)
	if err != nil {
		return key{}, err
	}
	hash, err := derive(labelHash, keySize)
	if err != nil {
		return key{}, err
	}
	check, err := derive(labelCheck, keySize)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	return key{id: [idSize]byte(id), aead: aead, hash: hash, check: check}, nil
}

// ID names the key that seals now: 12 hex digits, derived from the key by a
// hash, not secret.
func (r *Keyring) ID() string { return r.keys[0].idText() }

// IDs names every key of the file, newest first.
func (r *Keyring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.idText()
	}
	return ids
}

func (k key) idText() string { return hex.EncodeToString(k.id[:]) }

// Place is the aad of one column of one row: "table|column|row". A value
// sealed for one place doesn't open at another, so that nobody who can write
// to the database can swap two merchants' keys.
func Place(table, column string, row int64) string {
	return table + "|" + column + "|" + strconv.FormatInt(row, 10)
}

// Seal encrypts plain with AES-256-GCM under the newest key and binds it to
// aad (see Place). The nonce is random; one key is good for 2^32 values.
func (r *Keyring) Seal(plain []byte, aad string) []byte {
	k := r.keys[0]
	sealed := make([]byte, 0, headerSize+nonceSize+len(plain)+tagSize)
	sealed = append(sealed, envelopeVersion)
	sealed = append(sealed, k.id[:]...)
	return k.aead.Seal(sealed, nil, plain, boundData(sealed, aad))
}

// Open returns what Seal was given, under whichever key of the file it was
// sealed. It fails with ErrUnknownKey or ErrDamaged.
func (r *Keyring) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < headerSize+nonceSize+tagSize || sealed[0] != envelopeVersion {
		return nil, ErrDamaged
	}
	header, rest := sealed[:headerSize], sealed[headerSize:]
	for _, k := range r.keys {
		if !bytes.Equal(k.id[:], header[1:]) {
			continue
		}
		plain, err := k.aead.Open(nil, nil, rest, boundData(header, aad))
		if err != nil {
			return nil, ErrDamaged
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: key %x, key file has %s", ErrUnknownKey, header[1:], strings.Join(r.IDs(), ", "))
}

// boundData is what GCM authenticates beside the ciphertext: the header too,
// so that version and key id can't be exchanged.
func boundData(header []byte, aad string) []byte {
	return append(bytes.Clone(header[:headerSize]), aad...)
}

// NeedsReseal tells whether sealed is under another key than the newest, as
// after Rotate. What isn't an envelope at all needs it too; Open then says why
// it can't be done.
func (r *Keyring) NeedsReseal(sealed []byte) bool {
	return len(sealed) < headerSize || sealed[0] != envelopeVersion ||
		!bytes.Equal(sealed[1:headerSize], r.keys[0].id[:])
}

// Hash is the keyed hash (HMAC-SHA256 under the newest key) of a secret that
// only ever needs checking. purpose, such as "api_secret", keeps hashes of
// different uses apart: the same secret gives another hash for another purpose.
func (r *Keyring) Hash(purpose, secret string) [32]byte {
	return r.keys[0].hashOf(purpose, secret)
}

// Hashes is Hash under every key of the file, newest first: what was stored
// before a rotation is found under one of the later ones.
func (r *Keyring) Hashes(purpose, secret string) [][32]byte {
	hashes := make([][32]byte, len(r.keys))
	for i, k := range r.keys {
		hashes[i] = k.hashOf(purpose, secret)
	}
	return hashes
}

func (k key) hashOf(purpose, secret string) [32]byte {
	mac := hmac.New(sha256.New, k.hash)
	// The length in front gives every (purpose, secret) one reading.
	text := make([]byte, 0, 8+len(purpose)+len(secret))
	text = binary.BigEndian.AppendUint64(text, uint64(len(purpose)))
	text = append(text, purpose...)
	text = append(text, secret...)
	mac.Write(text)
	return [32]byte(mac.Sum(nil))
}

// CheckValue is kept in the database, so that a process that comes with
// another key file is refused before it writes. It tells nothing about the key
// but its id. After a rotation has sealed everything anew, store it again.
func (r *Keyring) CheckValue() string { return r.keys[0].checkValue() }

func (k key) checkValue() string {
	mac := hmac.New(sha256.New, k.check)
	mac.Write([]byte(labelCheck))
	return checkPrefix + k.idText() + ":" + hex.EncodeToString(mac.Sum(nil))
}

// Verify compares the check value of a database with every key of the file.
// An older key is right too: its rotation isn't finished (check differs from
// CheckValue then). Otherwise the error is ErrOtherKey and names both ids.
func (r *Keyring) Verify(check string) error {
	for _, k := range r.keys {
		if hmac.Equal([]byte(check), []byte(k.checkValue())) {
			return nil
		}
	}
	id, _, found := strings.Cut(strings.TrimPrefix(check, checkPrefix), ":")
	if !found || len(id) != 2*idSize {
		return fmt.Errorf("%w: the check value in the database can't be read; the key file has key %s",
			ErrOtherKey, strings.Join(r.IDs(), ", "))
	}
	return fmt.Errorf("%w: the database was sealed with key %s, the key file has key %s",
		ErrOtherKey, id, strings.Join(r.IDs(), ", "))
}
