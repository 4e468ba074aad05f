package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
)

// Limits beyond which doctor warns of postbacks.
const (
	postbackPatience = 15 * time.Minute // age of an undelivered one
	lagTolerance     = time.Minute      // how long one that is due may wait to be sent
	maxNamed         = 10               // endpoints that a line names
)

func (d *doctor) postbacks() error {
	exhausted, err := d.q.CountPostbacks(d.ctx, "exhausted")
	if err != nil {
		return err
	}
	d.okUnless(exhausted.Postbacks > 0, lineWarn, "exhausted", "no postback was given up",
		"%d postbacks were given up, the oldest written at %s: galla postback list --state exhausted, galla postback replay --failed --since TIME",
		exhausted.Postbacks, minute(exhausted.Oldest))
	pending, err := d.q.CountPostbacks(d.ctx, "pending")
	age := d.app.now().Sub(time.UnixMicro(pending.Oldest))
	d.okUnless(pending.Postbacks > 0 && age > postbackPatience, lineWarn, "postbacks", fmt.Sprintf("%d are under way", pending.Postbacks),
		"%d undelivered, the oldest since %s: does the merchant answer, does galla serve run? galla postback endpoint list",
		pending.Postbacks, minute(pending.Oldest))
	return err
}

// endpoints tells of merchants that get nothing now, and of postbacks that nobody sends.
func (d *doctor) endpoints() error {
	endpoints, err := gateway.ListEndpoints(d.ctx, d.q)
	if err != nil {
		return err
	}
	now := d.app.now()
	var open, paused []string
	var lag time.Duration
	for _, e := range endpoints {
		lag = max(lag, e.Lag(now))
		line := fmt.Sprintf("%s %s since %s (%s)", e.Merchant, e.Kind, dash(dated(e.ChangedAt)), printable(e.Reason))
		switch e.State {
		case gateway.EndpointOpen:
			open = append(open, line)
		case gateway.EndpointPaused:
			paused = append(paused, fmt.Sprintf("%s: galla postback resume --merchant %s --kind %s", line, e.Merchant, e.Kind))
		}
	}
	d.okUnless(len(open) > 0, lineWarn, "endpoints", "none fails", "%d fail and are only probed: %s", len(open), firstOf(open))
	d.okUnless(len(paused) > 0, lineWarn, "paused", "no endpoint is paused", "%d endpoints get nothing: %s", len(paused), firstOf(paused))
	d.okUnless(lag > lagTolerance, lineWarn, "lag", "what is due is sent",
		"a postback has been due for %v and nobody sends it: does galla serve run?", lag.Round(time.Second))
	return nil
}

// firstOf names the first of a list.
func firstOf(list []string) string {
	if len(list) <= maxNamed {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:maxNamed], "; "), len(list)-maxNamed)
}
