package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-gateway/galla/internal/store"
)

// cleanLimit bounds what is dropped at the end.
const cleanLimit = 30 * time.Second

// place is where a run makes its databases: a new folder beside the SQLite file that was named, or new databases on the
// PostgreSQL server. Nothing is ever written into the database that was named itself.
type place struct {
	engine store.Engine
	folder string // SQLite
	server string // PostgreSQL
	names  []string
}

// newPlace refuses a database that holds data: beside live data nothing is measured.
func newPlace(ctx context.Context, database string) (*place, error) {
	if database == "" {
		folder, err := os.MkdirTemp("", "galla-bench-")
		return &place{engine: store.SQLite, folder: folder}, err
	}
	engine, target, err := store.Parse(database)
	if err != nil {
		return nil, err
	}
	if err := refuseData(ctx, database); err != nil {
		return nil, err
	}
	if engine == store.Postgres {
		return &place{engine: engine, server: target}, nil
	}
	folder, err := os.MkdirTemp(filepath.Dir(target), filepath.Base(target)+".bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: make a folder beside %s: %w", target, err)
	}
	return &place{engine: engine, folder: folder}, nil
}

func refuseData(ctx context.Context, database string) error {
	s, err := store.Open(ctx, database, store.Existing, store.Options{MaxConns: 2})
	if errors.Is(err, store.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	merchants, err := s.Read().ListMerchants(ctx)
	if err == nil && len(merchants) > 0 {
		err = errors.New("this database holds data of Galla: a measurement never runs beside it; name another path or server")
	}
	return err
}

// make makes an empty database and returns its GALLA_DATABASE value.
func (p *place) make(ctx context.Context, name string) (string, error) {
	if p.engine == store.SQLite {
		return "sqlite:" + filepath.Join(p.folder, name+".db"), nil
	}
	address, err := url.Parse(p.server)
	if err != nil {
		return "", errors.New("bench: the database isn't a valid postgres:// URL")
	}
	var random [6]byte
	rand.Read(random[:])
	full := "galla_bench_" + name + "_" + hex.EncodeToString(random[:])
	if err := p.execute(ctx, "CREATE DATABASE "+full+" TEMPLATE template0"); err != nil {
		return "", fmt.Errorf("bench: make a database of its own: %w", err)
	}
	p.names = append(p.names, full)
	address.Path = "/" + full
	return address.String(), nil
}

// remove drops all that make made.
func (p *place) remove() error {
	if p.engine == store.SQLite {
		return os.RemoveAll(p.folder)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanLimit)
	defer cancel()
	var errs []error
	for _, name := range p.names {
		if err := p.execute(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			errs = append(errs, fmt.Errorf("bench: drop %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (p *place) execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.server)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
