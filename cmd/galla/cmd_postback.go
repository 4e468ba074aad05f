package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

func newPostback(a *app) *cobra.Command {
	return inGroup(groupPayments, group("postback", "What merchants are told: see it, send it again, hold it back",
		a.postbackList(), a.postbackShow(), a.postbackReplay(), a.postbackPause(), a.postbackResume(),
		a.postbackListen(), a.postbackTrigger(),
		group("endpoint", "Addresses that postbacks go to", a.endpointList(), a.endpointSet()),
	))
}

// postbackListed is a postback in a list. Scripts rely on its members.
type postbackListed struct {
	ID         int64   `json:"id"`
	WebhookID  string  `json:"webhook_id"`
	Merchant   string  `json:"merchant"`
	Reference  string  `json:"reference"` // the transaction number of the deposit
	State      string  `json:"state"`     // pending, delivered, exhausted; paused: pending, and the endpoint is paused
	Attempts   int16   `json:"attempts"`
	NextAt     *string `json:"next_at"`
	LastStatus int16   `json:"last_status"` // HTTP status of the last attempt, 0: no answer
	Kind       string  `json:"kind"`
	SubjectID  int64   `json:"subject_id"` // of the deposit: the wire's stockpiling_id
	CreatedAt  string  `json:"created_at"`
	EndedAt    string  `json:"ended_at,omitempty"`

	next, created int64
}

func postbackListedOf(row store.DescribePostbacksRow) postbackListed {
	doc := postbackListed{
		ID: row.ID, WebhookID: row.WebhookID, Merchant: row.Slug, Reference: row.Number, State: row.State, Attempts: row.Attempts,
		LastStatus: row.LastStatus, Kind: row.Kind, SubjectID: row.SubjectID, CreatedAt: moment(row.CreatedAt), EndedAt: optionalMoment(row.EndedAt),
		created: row.CreatedAt,
	}
	switch {
	case row.State != string(gateway.PostbackPending):
	case row.Gate == string(gateway.EndpointPaused):
		doc.State = string(gateway.PostbackPaused)
	default:
		next := moment(row.NextAt)
		doc.NextAt, doc.next = &next, row.NextAt
	}
	return doc
}

var postbackHead = []string{"id", "state", "merchant", "kind", "reference", "attempts", "last status", "next try", "written"}

func (d postbackListed) row() []string {
	return []string{number(d.ID), d.State, d.Merchant, d.Kind, dash(d.Reference), number(int64(d.Attempts)), number(int64(d.LastStatus)), minute(d.next), minute(d.created)}
}

// describePostbacks reads what a list shows of postbacks, newest first. Unknown ids are passed over.
func describePostbacks(ctx context.Context, q *store.Queries, ids []int64) ([]store.DescribePostbacksRow, error) {
	type idRow struct {
		ID int64 `json:"id"`
	}
	rows := make([]idRow, len(ids))
	for i, id := range ids {
		rows[i] = idRow{id}
	}
	return q.DescribePostbacks(ctx, store.Rows(rows))
}

// moments reads the flags that say since and until when: a time, or how long ago.
func (a *app) moments(since, until string) (from, to time.Time, err error) {
	read := func(flag, text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		if ago, parseErr := time.ParseDuration(text); parseErr == nil && ago > 0 {
			return a.now().Add(-ago)
		}
		at, parseErr := time.Parse(time.RFC3339, text)
		if parseErr != nil {
			err = usagef("--%s: expected a time such as 2026-11-22T10:00:00Z, or how long ago, such as 24h; got %q", flag, text)
		}
		return at
	}
	from, to = read("since", since), read("until", until)
	return from, to, err
}

// merchantID is the id of a slug, 0 for none.
func merchantID(ctx context.Context, q *store.Queries, slug string) (merchant.ID, error) {
	if slug == "" {
		return 0, nil
	}
	m, err := q.GetMerchant(ctx, slug)
	return merchant.ID(m.ID), notFound(err, "merchant", slug)
}

func (a *app) postbackList() *cobra.Command {
	var state, slug, since string
	var failed bool
	var p page
	states := []string{string(gateway.PostbackPending), string(gateway.PostbackDelivered), string(gateway.PostbackExhausted), string(gateway.PostbackPaused)}
	c := a.verb("list", "List postbacks, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		from, _, timeErr := a.moments(since, "")
		if err = errors.Join(err, timeErr, oneOf("state", state, states...)); err != nil {
			return err
		}
		if failed && state == string(gateway.PostbackDelivered) {
			return usagef("--failed: what was delivered hasn't failed")
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		id, err := merchantID(c.Context(), s.Read(), slug)
		if err != nil {
			return err
		}
		filter := gateway.PostbackFilter{State: gateway.PostbackState(state), MerchantID: id, Since: from, Failed: failed}
		return a.printPostbacks(c.Context(), s.Read(), filter, before, p.rows)
	})
	c.Long = "List postbacks, newest first. A postback is paused while it is pending and its endpoint is paused.\n" +
		"--failed lists those that were given up and those that failed and are tried again."
	c.Flags().StringVar(&state, "state", "", strings.Join(states, ", "))
	c.Flags().StringVar(&slug, "merchant", "", "slug of one merchant")
	c.Flags().StringVar(&since, "since", "", "written since this time (RFC 3339), or no longer ago than this, such as 24h")
	c.Flags().BoolVar(&failed, "failed", false, "exhausted ones, and pending ones with a failed try")
	p.flags(c)
	return c
}

func (a *app) printPostbacks(ctx context.Context, q *store.Queries, filter gateway.PostbackFilter, before, most int64) error {
	picked, more, err := gateway.PickPostbacks(ctx, q, filter, before, int(most))
	if err != nil {
		return err
	}
	rows, err := describePostbacks(ctx, q, idsOf(picked))
	if err != nil {
		return err
	}
	docs, cells := make([]postbackListed, len(rows)), make([][]string, len(rows))
	for i, row := range rows {
		docs[i] = postbackListedOf(row)
		cells[i] = docs[i].row()
	}
	if err := a.print(docs, func(w io.Writer) { table(w, postbackHead, cells) }); err != nil {
		return err
	}
	if more > 0 {
		fmt.Fprintf(a.stderr, "Older postbacks were not looked at. Go on with: --after %d\n", more)
	}
	return nil
}

func idsOf(picked []gateway.PickedPostback) []int64 {
	ids := make([]int64, len(picked))
	for i, p := range picked {
		ids[i] = p.ID
	}
	return ids
}

// findPostbacks finds postbacks by their ids or webhook ids: all of them, or none.
func findPostbacks(ctx context.Context, q *store.Queries, texts []string) ([]store.DescribePostbacksRow, error) {
	ids := make([]int64, len(texts))
	for i, text := range texts {
		var err error
		if strings.HasPrefix(text, "msg_") {
			ids[i], err = gateway.FindPostback(ctx, q, text)
		} else {
			ids[i], err = parseID("postback", text)
		}
		if err != nil {
			return nil, err
		}
	}
	rows, err := describePostbacks(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if !slices.ContainsFunc(rows, func(row store.DescribePostbacksRow) bool { return row.ID == id }) {
			return nil, &gateway.Refusal{Code: gateway.CodeNotFound, Message: fmt.Sprintf(
				"no postback %s: galla postback list shows them, galla find and galla claim show that of a payment", texts[i])}
		}
	}
	return slices.CompactFunc(rows, func(a, b store.DescribePostbacksRow) bool { return a.ID == b.ID }), nil
}

// postbackShown is everything about a postback.
type postbackShown struct {
	postbackListed
	Endpoint endpointState `json:"endpoint"`
	Schedule scheduleDoc   `json:"schedule"`
	Body     string        `json:"body"`              // the exact text of every attempt
	Damaged  string        `json:"damaged,omitempty"` // why the body can't be read, and nothing is sent
	Tries    []attemptDoc  `json:"tries"`
}

// scheduleDoc is where a postback's schedule began: with its writing, or with a replay.
type scheduleDoc struct {
	BeganAt string `json:"began_at"`
	Tries   int16  `json:"tries"` // made since
}

func (a *app) postbackShow() *cobra.Command {
	c := a.verb("show ID", "Show a postback with its body, its endpoint and every attempt", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := findPostbacks(c.Context(), s.Read(), args)
		if err != nil {
			return err
		}
		doc, err := showPostback(c.Context(), s.Read(), rows[0])
		if err != nil {
			return err
		}
		return a.print(doc, func(w io.Writer) { doc.write(w) })
	})
	c.Long = "Show a postback with its body, its endpoint and every attempt. ID is its number, or what the merchant\n" +
		"saw in the header webhook-id (msg_…)."
	return c
}

func showPostback(ctx context.Context, q *store.Queries, row store.DescribePostbacksRow) (*postbackShown, error) {
	doc := &postbackShown{postbackListed: postbackListedOf(row), Tries: []attemptDoc{}}
	text, err := q.GetPostbackBody(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	body, err := postback.StoredBody(row.ID, text.Body, text.Packed)
	if doc.Body = string(body); err != nil { // the rest of it is what a person needs then
		doc.Damaged = err.Error()
	}
	doc.Schedule = scheduleDoc{moment(text.ScheduleAt), row.Attempts - text.ScheduleTries}
	endpoints, err := gateway.ListEndpoints(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		if e.MerchantID == merchant.ID(row.MerchantID) && string(e.Kind) == row.Kind {
			doc.Endpoint = endpointStateOf(e)
		}
	}
	attempts, err := q.ListPostbackAttempts(ctx, row.ID)
	for _, try := range attempts {
		doc.Tries = append(doc.Tries, attemptDocOf(try))
	}
	return doc, err
}

func (d *postbackShown) write(w io.Writer) {
	next := ""
	if d.NextAt != nil {
		next = *d.NextAt
	}
	e := d.Endpoint
	state := e.State
	if e.Reason != "" {
		state += ": " + printable(e.Reason)
	}
	if e.NextProbe != "" {
		state += ", probed next at " + e.NextProbe
	}
	pairs(w, [2]string{"postback", number(d.ID)}, [2]string{"webhook-id", d.WebhookID}, [2]string{"state", d.State}, [2]string{"merchant", d.Merchant},
		[2]string{d.Kind, number(d.SubjectID)}, [2]string{"reference", d.Reference}, [2]string{"written", d.CreatedAt}, [2]string{"ended", d.EndedAt},
		[2]string{"attempts", fmt.Sprintf("%d, %d of them since its schedule began at %s", d.Attempts, d.Schedule.Tries, d.Schedule.BeganAt)},
		[2]string{"next try", next}, [2]string{"endpoint", e.URL}, [2]string{"endpoint is", state})
	fmt.Fprintf(w, "\n%s\n", printable(cmp.Or(d.Damaged, d.Body)))
	if len(d.Tries) > 0 {
		fmt.Fprintln(w, "\nattempts")
	}
	for _, try := range d.Tries {
		try.write(w)
	}
}
