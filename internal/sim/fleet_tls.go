package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// issuer is the root of a fleet's certificates. Their dates are fixed: whose clock ever looks at them, only those that
// shall be expired are.
type issuer struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

var (
	certificatesFrom = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	certificatesEnd  = time.Date(2120, time.January, 1, 0, 0, 0, 0, time.UTC)
	expiredEnd       = time.Date(2020, time.February, 1, 0, 0, 0, 0, time.UTC)
)

func newIssuer() (*issuer, error) {
	template := certificateTemplate("Galla's fleet", certificatesEnd)
	template.IsCA = true
	root, key, err := sign(template, nil)
	if err != nil {
		return nil, err
	}
	return &issuer{root, key}, nil
}

func certificateTemplate(name string, end time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: certificatesFrom, NotAfter: end, BasicConstraintsValid: true,
		DNSNames: []string{"receiver.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// sign makes a certificate by the issuer, or signed by itself where there is none.
func sign(template *x509.Certificate, by *issuer) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	if by == nil {
		by = &issuer{template, key}
	} else if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64)); err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.root, &key.PublicKey, by.key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	return certificate, key, nil
}

// pem is the root's text, what a sender is to believe.
func (i *issuer) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root.Raw}))
}

// pin is the pin of the root.
func (i *issuer) pin() string {
	sum := sha256.Sum256(i.root.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// credentials are how a receiver shows itself over TLS. Each is made from those of a faultless receiver.
type credentials struct {
	receiver *Receiver
	template *x509.Certificate
	by       *issuer
	config   *tls.Config
	http2    bool // offers it beside HTTP/1.1
}

// certify makes the receiver's certificate, with each of the faults.
func (f *Fleet) certify(r *Receiver, faults []fault) (*credentials, error) {
	c := &credentials{
		receiver: r, template: certificateTemplate("receiver "+r.Name, certificatesEnd), by: f.issuer, config: &tls.Config{},
	}
	r.CA = f.issuer.pem()
	for _, spoil := range faults {
		if err := spoil(c); err != nil {
			return nil, err
		}
	}
	certificate, key, err := sign(c.template, c.by)
	if err != nil {
		return nil, err
	}
	c.config.Certificates = []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}
	return c, nil
}

// fault is what a receiver's TLS has of its own, which may be no fault at all.
type fault func(*credentials) error

func http2(c *credentials) error {
	c.http2 = true
	return nil
}

func expired(c *credentials) error {
	c.template.NotAfter = expiredEnd
	return nil
}

func wrongName(c *credentials) error {
	c.template.IPAddresses = nil
	return nil
}

// selfSigned is believed by nobody who wasn't told.
func selfSigned(c *credentials) error {
	c.by, c.receiver.CA = nil, ""
	return nil
}

// wrongRoot has the sender believe another root than the one that signed.
func wrongRoot(c *credentials) error {
	other, err := newIssuer()
	if err != nil {
		return err
	}
	c.receiver.CA = other.pem()
	return nil
}

// pinned holds the receiver to the root's key.
func pinned(c *credentials) error {
	c.receiver.Pin = c.by.pin()
	return nil
}

// wrongPin holds it to a key that nobody has.
func wrongPin(c *credentials) error {
	c.receiver.Pin = base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))
	return nil
}

// versions limits the versions of TLS.
func versions(from, to uint16) fault {
	return func(c *credentials) error {
		c.config.MinVersion, c.config.MaxVersion = from, to
		return nil
	}
}

// asksCertificate wants one from the sender, who has none.
func asksCertificate(c *credentials) error {
	c.config.ClientAuth = tls.RequireAnyClientCert
	return nil
}
