package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
)

const (
	// recentMargin is how far below the highest id of the last look rows may still have come since: they weren't committed then.
	recentMargin = 1000
	// recentRows bounds what one look takes of a table, and of all feeds.
	recentRows = 5000
)

// Recent makes the cheap checks over what is new since it last looked: what has ids above those that were there, and each
// credit and each end of a withdrawal that has got its place in a feed. Ids don't have the order of commits, and instances
// draw them from blocks; positions in feeds do have it. What both leave out is found by an Audit.
type Recent struct {
	o      *Oracle
	begun  bool
	place          // where the next look begins
	behind bool    // the last look didn't reach all that was there
	seen   []place // what Follow noted, the oldest first
}

// place is how far a look came.
type place struct {
	marks []int64         // the highest id of each pass
	feeds map[int64]int64 // position of each merchant
}

// Recent begins with what is there now and a little of what was before.
func (o *Oracle) Recent() *Recent { return &Recent{o: o, place: place{feeds: map[int64]int64{}}} }

// Behind tells that the last look left some for the next.
func (r *Recent) Behind() bool { return r.behind }

// Follow is called in place of Look while another instance looks. Should that one be gone, the next Look begins with what was new
// as many calls ago, or at the first one.
func (r *Recent) Follow(ctx context.Context, calls int) error {
	here := place{feeds: map[int64]int64{}}
	var err error
	if here.marks, err = r.o.highest(ctx); err == nil {
		err = r.o.read(ctx, lastPositions, func(rows *sql.Rows) error {
			var merchant, last int64
			err := rows.Scan(&merchant, &last)
			here.feeds[merchant] = last
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("oracle: follow what is new: %w", err)
	}
	r.seen = append(r.seen, here)
	r.seen = r.seen[max(0, len(r.seen)-1-calls):]
	r.begun, r.behind, r.place = true, false, r.seen[0]
	return nil
}

const lastPositions = "SELECT merchant_id, last_position FROM event_feed"

// feed is a part of a merchant's feed: positions above from, up to until.
type feed struct{ merchant, from, until int64 }

// Look makes the checks. What it finds wrong it has looked at twice, and tells once; on an error it looks at the same again
// next time.
func (r *Recent) Look(ctx context.Context) ([]Violation, error) {
	next, found, err := r.look(ctx)
	if err == nil && len(found) > 0 {
		var again []finding
		if _, again, err = r.look(ctx); err == nil {
			found = both(found, again)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("oracle: look at what is new: %w", err)
	}
	*r = next
	return violations(found), nil
}

// look gives what is wrong, and how the next look begins.
func (r *Recent) look(ctx context.Context) (next Recent, found []finding, err error) {
	last, err := r.o.highest(ctx)
	if err != nil {
		return *r, nil, err
	}
	next = Recent{o: r.o, begun: true, place: place{slices.Clone(r.marks), maps.Clone(r.feeds)}}
	if !r.begun {
		next.marks = slices.Clone(last)
		for i := range next.marks {
			next.marks[i]-- // so that the first look takes the margin
		}
	}
	find := func(text string, args ...any) {
		if err != nil {
			return
		}
		var wrong []finding
		wrong, err = r.o.find(ctx, text, args...)
		found = append(found, wrong...)
	}
	for i := range passes {
		mark := next.marks[i]
		if last[i] == mark {
			continue
		}
		from := max(0, min(mark, last[i])-recentMargin)
		if last[i]-from > recentRows { // it may be a gap, as restores and other instances leave them
			err := r.o.read(ctx, passes[i].countBetween(), func(rows *sql.Rows) error {
				var first, count int64
				err := rows.Scan(&first, &count)
				if first-1 > from+recentRows {
					from = first - 1
				}
				return err
			}, mark, mark)
			if err != nil {
				return *r, nil, err
			}
		}
		next.marks[i] = min(last[i], from+recentRows)
		next.behind = next.behind || next.marks[i] < last[i]
		find(passes[i].statement(of(passes[i].table, false), passes[i].between()), from, next.marks[i])
	}
	if err != nil {
		return *r, nil, err
	}
	feeds, more, err := r.newEvents(ctx)
	next.behind = next.behind || more
	for _, f := range feeds {
		next.feeds[f.merchant] = f.until
		for i := range passes {
			if passes[i].told != "" {
				find(passes[i].statement(of(passes[i].table, false), passes[i].told), f.merchant, f.from, f.until)
			}
		}
	}
	for _, c := range of("", false) {
		if c.Often {
			find(c.whole())
		}
	}
	return next, unique(found), err
}

// newEvents lists what feeds have got since the last look, at most recentRows of them. more: there are others.
func (r *Recent) newEvents(ctx context.Context) (list []feed, more bool, err error) {
	room := int64(recentRows)
	err = r.o.read(ctx, lastPositions, func(rows *sql.Rows) error {
		var f feed
		if err := rows.Scan(&f.merchant, &f.until); err != nil {
			return err
		}
		var known bool
		if f.from, known = r.feeds[f.merchant]; !known {
			f.from = 0
			if !r.begun {
				f.from = max(0, f.until-recentMargin)
			}
		}
		if f.until <= f.from {
			return nil
		}
		if f.until-f.from > room {
			f.until, more = f.from+room, true
		}
		if room -= f.until - f.from; f.until > f.from {
			list = append(list, f)
		}
		return nil
	})
	return list, more, err
}

// unique drops what was found in more than one way.
func unique(found []finding) (list []finding) {
	for _, f := range found {
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// both is what was found two times.
func both(first, again []finding) (list []finding) {
	for _, f := range first {
		if slices.Contains(again, f) {
			list = append(list, f)
		}
	}
	return list
}
