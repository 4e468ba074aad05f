package main

import (
	"context"
	"errors"
	"os/exec"
)

// check holds the book against the new primary, by SQL of its own, and audits.
func check(ctx context.Context, p *pair, s *site, l *load, found *findings) error {
	found.acknowledged, found.refused = l.count(), l.repeated
	conn, err := p.connect(ctx, 1, "galla")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	credits := map[[2]string]int64{} // by number and order
	numbers := map[string]int64{}
	rows, err := conn.Query(ctx, `SELECT r.number, c.order_id, count(*) FROM deposit d JOIN claim c ON c.id = d.claim_id
		JOIN transfer t ON t.id = d.transfer_id JOIN reference r ON r.id = t.reference_id GROUP BY r.number, c.order_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number, order string
		var count int64
		if err := rows.Scan(&number, &order, &count); err != nil {
			return err
		}
		credits[[2]string{number, order}] += count
		numbers[number] += count
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, a := range l.book {
		if credits[[2]string{a.number, a.order}] == 0 {
			found.lost++
		}
	}
	for _, count := range numbers {
		if count > 1 {
			found.twice++
		}
	}
	err = conn.QueryRow(ctx, "SELECT count(*) FROM deposit d WHERE (SELECT count(*) FROM postback b WHERE b.kind = 'deposit' AND b.subject_id = d.id) <> 1").Scan(&found.untold)
	if err != nil {
		return err
	}
	// It ends with 1 when something doesn't hold.
	if err := s.command(ctx, nil, "audit"); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			return err
		}
		found.audit++
	}
	return nil
}
