package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// memoryEvery is how often memory is looked at while something runs.
const memoryEvery = 50 * time.Millisecond

// residentBytes is VmRSS of this process.
func residentBytes() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			fields := bytes.Fields(value)
			if len(fields) == 2 {
				kilobytes, err := strconv.ParseInt(string(fields[0]), 10, 64)
				return kilobytes << 10, err
			}
		}
	}
	return 0, errors.New("no VmRSS in /proc/self/status")
}

// watchMemory notes the highest resident memory until ctx ends.
func watchMemory(ctx context.Context, highest *int64) {
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		if now, err := residentBytes(); err == nil {
			*highest = max(*highest, now)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pageCacheBytes is how much of the resident memory SQLite's writing connection may hold as pages: its cache's size, or
// the database's when that is smaller. 0 on PostgreSQL.
func pageCacheBytes(ctx context.Context, s *store.Store) (int64, error) {
	cache := s.PageCache()
	if cache == 0 {
		return 0, nil
	}
	var size int64
	err := s.ReadPool().QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&size)
	return min(cache, size), err
}
