package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// FuzzRestore: a backup that was damaged, cut off or made up is refused in words, never panics, and leaves the database empty: it is
// restored as a whole or not at all. The bytes are those inside the compression, which a fuzzer would hardly get through; the last
// one says whether the compressed bytes are damaged as well.
func FuzzRestore(f *testing.F) {
	ctx := context.Background()
	fresh := func(t testing.TB, name string) *store.Store {
		s, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), name), store.Create, store.Options{SQLiteSynchronous: "OFF"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	source := fresh(f, "source.db")
	err := source.Write(ctx, func(ctx context.Context, q *store.Queries) error {
		return q.InsertMerchant(ctx, store.InsertMerchantParams{ID: 1, Slug: "shop", Currency: "INR", Policy: "{}"})
	})
	var file bytes.Buffer
	if err == nil {
		_, err = source.Backup(ctx, &file, time.Unix(0, 0), nil)
	}
	lines := unzipped(f, file.Bytes())
	if err := errors.Join(err, source.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(append(lines, 0))
	f.Add(append(bytes.Replace(lines, []byte("shop"), []byte("shoq"), 1), 0))
	f.Add(append(bytes.Clone(lines[:len(lines)/2]), 0))
	f.Add(append(bytes.Clone(lines), 9))
	f.Add([]byte("{\"galla_backup\":1,\"schema\":7}\n[1]\n\x00"))
	target := fresh(f, "target.db")
	f.Cleanup(func() { _ = target.Close() })
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) == 0 {
			return
		}
		packed := zipped(content[:len(content)-1])
		if at := int(content[len(content)-1]); at > 0 {
			packed[at%len(packed)] ^= 1 << (at & 7)
		}
		b, err := store.OpenBackup(bytes.NewReader(packed))
		if err == nil {
			err = target.Restore(ctx, b, func(context.Context, *store.Queries) error { return errWhole }, nil)
		}
		if err == nil {
			t.Fatal("it is restored, though its end refused it")
		}
		if errors.Is(err, errWhole) && !bytes.Equal(content[:len(content)-1], lines) && b.Info.SHA256 == "" {
			t.Fatal("it is restored without its checksum")
		}
		if merchants, err := target.Read().ListMerchants(ctx); err != nil || len(merchants) != 0 {
			t.Fatalf("half of it is there: %d merchants, %v", len(merchants), err)
		}
	})
}

// errWhole refuses what was read to its end, so that the next one finds the database empty.
var errWhole = errors.New("all of it was read")

func zipped(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(content) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func unzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
