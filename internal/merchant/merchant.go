// Package merchant holds what Galla knows of a merchant: who it is, where its postbacks go, and its policy.
package merchant

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
	_ "time/tzdata" // zones are the same on every machine

	"github.com/galla-gateway/galla/money"
)

// ID names a merchant.
type ID int64

// State of a merchant.
type State string

// A paused merchant is shown no wallets; money that its payers sent is still credited.
const (
	Active State = "active"
	Paused State = "paused"
)

// DefaultTimeZone is the zone of the original protocol's times.
const DefaultTimeZone = "Asia/Manila"

// MaxName is the longest name, in characters.
const MaxName = 100

// Merchant is one platform that takes deposits.
type Merchant struct {
	ID                    ID
	Slug                  string
	Name                  string
	Sandbox               bool
	Currency              money.Currency
	Zone                  *time.Location
	PostbackURL           string
	WithdrawalPostbackURL string
	State                 State
	Policy                Policy
	CreatedAt             time.Time
}

var slugShape = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckSlug checks a merchant's slug, which is a DNS label: it becomes part of host names.
func CheckSlug(slug string) error {
	switch {
	case !slugShape.MatchString(slug):
		return errors.New("slug: expected 1 to 63 small letters, digits and inner hyphens, such as shop")
	case slug == "api" || slug == "plugin" || slug == "console":
		return fmt.Errorf("slug: %q is reserved", slug)
	}
	return nil
}

// CheckPostbackURL checks the form of a postback URL. Whether its address may be dialled is judged when it is.
func CheckPostbackURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return errors.New("postback URL: expected http://… or https://…")
	case u.User != nil:
		return errors.New("postback URL: user name and password don't belong in it")
	case u.Fragment != "":
		return errors.New("postback URL: a fragment (#…) isn't sent, leave it out")
	}
	return nil
}
