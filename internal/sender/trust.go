package sender

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a Trust.
const (
	// MaxCA is the longest text of a Trust's CA, in bytes.
	MaxCA = 64 << 10
	// MaxRoots is how many certificates a Trust's CA holds at most.
	MaxRoots = 32
)

// ErrPin: the certificates are good, but none of them has the pinned key.
var ErrPin = errors.New("no certificate of the receiver's chain has the pinned key")

// Trust narrows whose certificates are believed. It never widens anything but
// the roots: a chain to a root, the host's name and the dates are verified
// whatever it says. The zero Trust believes the Sender's own roots. A request
// with another Trust is sent over https only, since over http it would verify
// nothing.
type Trust struct {
	// CA holds PEM of the only roots believed; "" means the Sender's own. A
	// receiver's self-signed certificate may be its own root.
	CA string
	// Pin is the standard base64 of the SHA-256 over the SubjectPublicKeyInfo
	// of any certificate of the verified chain; "" is none. NormalizeTrust
	// takes what openssl, curl (sha256//) and others (sha256/) write for it.
	Pin string
}

// CheckTrust says whether a Trust can be used, and why not in words for whoever
// wrote it.
func CheckTrust(t Trust) error {
	_, err := NormalizeTrust(t)
	return err
}

// NormalizeTrust returns the one spelling of a Trust, which is what should be
// stored: only certificates, each once, in the CA; the pin without prefix.
// Every spelling can be sent with, but each has connections of its own.
func NormalizeTrust(t Trust) (Trust, error) {
	roots, err := readRoots(t.CA)
	if err != nil {
		return Trust{}, err
	}
	pin, err := readPin(t.Pin)
	if err != nil {
		return Trust{}, err
	}
	var ca bytes.Buffer
	for _, root := range roots {
		// A buffer takes everything.
		_ = pem.Encode(&ca, &pem.Block{Type: certificateBlock, Bytes: root.Raw})
	}
	normal := Trust{CA: ca.String()}
	if pin != nil {
		normal.Pin = base64.StdEncoding.EncodeToString(pin)
	}
	return normal, nil
}

const certificateBlock = "CERTIFICATE"

// readRoots reads the certificates of PEM text. Text around the blocks is left
// out, as openssl prints some; other blocks are refused, since one of them is
// the private key that was in the same file.
func readRoots(text string) ([]*x509.Certificate, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > MaxCA {
		return nil, fmt.Errorf("the CA is longer than %d bytes", MaxCA)
	}
	var roots []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != certificateBlock {
			return nil, fmt.Errorf("the CA holds a block %q; only certificates belong there", block.Type)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the CA can't be read: %w", len(roots)+1, err)
		}
		if !slices.ContainsFunc(roots, root.Equal) {
			roots = append(roots, root)
		}
		if len(roots) > MaxRoots {
			return nil, fmt.Errorf("the CA holds more than %d certificates", MaxRoots)
		}
	}
	switch {
	case strings.Contains(string(rest), "-----BEGIN"):
		return nil, fmt.Errorf("after %d certificates the CA holds a block that can't be read", len(roots))
	case len(roots) == 0:
		return nil, errors.New("the CA holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return roots, nil
}

// readPin reads a pin; nil is none.
func readPin(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	for _, prefix := range []string{"sha256//", "sha256/"} {
		// By its length, since a pin itself may begin with a slash.
		if rest, found := strings.CutPrefix(text, prefix); found && len(rest) == base64.StdEncoding.EncodedLen(sha256.Size) {
			text = rest
			break
		}
	}
	pin, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		return nil, errors.New("the pin is not base64 of the SHA-256 over a public key")
	case len(pin) != sha256.Size:
		return nil, fmt.Errorf("the pin stands for %d bytes; base64 of the SHA-256 over a public key stands for %d", len(pin), sha256.Size)
	}
	return pin, nil
}

// PinOf is the pin of a certificate's key.
func PinOf(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// secure returns what a connection with the trust is verified by. base is
// changed: give it a clone.
func (t Trust) secure(base *tls.Config) (*tls.Config, error) {
	roots, err := readRoots(t.CA)
	if err != nil {
		return nil, err
	}
	pin, err := readPin(t.Pin)
	if err != nil {
		return nil, err
	}
	base.InsecureSkipVerify = false
	base.ServerName = "" // the host of the URL, whatever the owner set
	if roots != nil {
		base.RootCAs = x509.NewCertPool()
		for _, root := range roots {
			base.RootCAs.AddCert(root)
		}
	}
	if pin != nil {
		also := base.VerifyConnection
		base.VerifyConnection = func(state tls.ConnectionState) error {
			if also != nil {
				if err := also(state); err != nil {
					return err
				}
			}
			return checkPin(base64.StdEncoding.EncodeToString(pin), state)
		}
	}
	return base, nil
}

// checkPin looks for the pin among the verified certificates. Those that the
// receiver sent beside its chain prove nothing: anybody may send them.
// crypto/tls calls it for resumed sessions too, with the chains of the first.
func checkPin(pin string, state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			if PinOf(certificate) == pin {
				return nil
			}
		}
	}
	if len(state.PeerCertificates) == 0 {
		return ErrPin
	}
	return fmt.Errorf("%w; its own is %s", ErrPin, PinOf(state.PeerCertificates[0]))
}
