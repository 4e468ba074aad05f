package gateway

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// A server that runs while the key is rotated goes on, and takes in what is sealed with the new key.
func TestKeyRotationBesideAServer(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		path := filepath.Join(t.TempDir(), "key")
		if err := keyring.Generate(path); err != nil {
			t.Fatal(err)
		}
		load := func() *keyring.Keyring {
			keys, err := keyring.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			return keys
		}
		w := &world{t: t, clock: testkit.NewClock(), database: database, keys: load()}
		w.g = w.instance()
		w.g.opts.LoadKeys = func() (*keyring.Keyring, error) { return keyring.Load(path) }
		w.seed()

		if _, err := keyring.Rotate(path); err != nil {
			t.Fatal(err)
		}
		w.keys = load()
		admin := w.instance()
		if _, err := admin.Reseal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.g.store.Write(t.Context(), func(ctx context.Context, q *store.Queries) error { return q.BumpRevision(ctx) }); err != nil {
			t.Fatal(err)
		}
		if err := w.g.refresh(t.Context()); err != nil {
			t.Fatal("the server doesn't follow the key file:", err)
		}
		if w.g.keys().ID() != w.keys.ID() {
			t.Fatal("the server still has only the old key")
		}
		m, ok := w.g.Directory().Merchant(shop)
		if !ok || m.PostbackKey().Reveal() != "private" {
			t.Fatal("the postback key can't be opened any more")
		}
	})
}
