package galla

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

func TestMemoryStoreForgetsTheOldest(t *testing.T) {
	const limit = 3
	s := NewMemoryStore(limit)
	calls := map[string]int{}
	once := func(id string, result error) {
		t.Helper()
		err := s.Once(t.Context(), id, func() error { calls[id]++; return result })
		if !errors.Is(err, result) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for range 2 {
		once("a", nil)
		once("b", nil)
	}
	failure := errors.New("failure")
	for range 2 * limit { // what failed isn't remembered and drives nothing out
		once("x", failure)
	}
	once("c", nil)
	once("a", nil)
	if calls["a"] != 1 || calls["b"] != 1 || calls["c"] != 1 || calls["x"] != 2*limit {
		t.Errorf("calls %v", calls)
	}
	once("d", nil) // drives out a, though a was asked for last
	once("b", nil)
	once("c", nil)
	once("a", nil) // drives out b
	once("c", nil)
	once("d", nil)
	once("b", nil)
	if calls["a"] != 2 || calls["b"] != 2 || calls["c"] != 1 || calls["d"] != 1 {
		t.Errorf("calls %v", calls)
	}
	for i := range 10 * limit {
		once(fmt.Sprint(i), nil)
	}
	if len(s.seen) != limit || len(s.order) != limit || len(s.open) != 0 {
		t.Errorf("%d seen, %d in order, %d open", len(s.seen), len(s.order), len(s.open))
	}
	if NewMemoryStore(0).limit != DefaultSeenLimit || NewMemoryStore(-1).limit != DefaultSeenLimit {
		t.Error("the default isn't DefaultSeenLimit")
	}
}

// Many deliveries of few ids, half of them failing at first: each is handled once with success, never twice at once.
func TestMemoryStoreAtOnce(t *testing.T) {
	const ids, deliveries = 20, 50
	s := NewMemoryStore(ids)
	var running, failed, done [ids]int // the store makes calls of one id take turns: the race detector looks on
	var wait sync.WaitGroup
	for n := range ids * deliveries {
		i := n % ids
		wait.Go(func() {
			for ended := false; !ended; {
				ended = s.Once(t.Context(), fmt.Sprint(i), func() error {
					if running[i]++; running[i] != 1 {
						t.Errorf("%d calls at once", running[i])
					}
					defer func() { running[i]-- }()
					runtime.Gosched()
					if failed[i] < i%3 {
						failed[i]++
						return errors.New("not yet")
					}
					done[i]++
					return nil
				}) == nil
			}
		})
	}
	wait.Wait()
	for i := range ids {
		if done[i] != 1 || failed[i] != i%3 {
			t.Errorf("id %d: handled %d times after %d failures", i, done[i], failed[i])
		}
	}
}

func TestMemoryStoreWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryStore(0)
		goOn := make(chan struct{})
		first := make(chan error)
		go func() { first <- s.Once(t.Context(), "a", func() error { <-goOn; return nil }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		second := make(chan error)
		go func() { second <- s.Once(ctx, "a", func() error { t.Error("called"); return nil }) }()
		synctest.Wait()
		gone := errors.New("the sender hung up")
		cancel(gone)
		if err := <-second; !errors.Is(err, gone) {
			t.Errorf("the wait ended with %v", err)
		}
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// A handle that doesn't return, by a panic or runtime.Goexit, gives its place to the next.
func TestMemoryStoreWithoutReturn(t *testing.T) {
	s := NewMemoryStore(0)
	for name, leave := range map[string]func(){"panic": func() { panic("x") }, "exit": runtime.Goexit} {
		left := make(chan struct{})
		go func() {
			defer close(left)
			defer func() { _ = recover() }()
			_ = s.Once(t.Context(), "a", func() error { leave(); return nil })
		}()
		<-left
		if s.seen["a"] || len(s.open) != 0 {
			t.Errorf("%s: remembered %v, %d open", name, s.seen["a"], len(s.open))
		}
	}
	called := false
	if err := s.Once(t.Context(), "a", func() error { called = true; return nil }); err != nil || !called {
		t.Errorf("%v, called %v", err, called)
	}
}
