package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite/vtab"
)

// Batch is the argument of a set statement: rows whose fields are named like the columns by their json tags.
//
// PostgreSQL gets it as one JSON text. SQLite's writer reads the rows in place through a virtual table: taking JSON
// apart again, value by value, cost more than storing it.
type Batch struct{ rows reflect.Value }

// Rows makes a batch of a slice of structs with fields of integers, strings or pointers to them.
func Rows[T any](list []T) Batch { return Batch{reflect.ValueOf(list)} }

// Len is how many rows the batch has.
func (b Batch) Len() int { return b.rows.Len() }

// Value is the batch as JSON text, for PostgreSQL and for SQLite's readers.
func (b Batch) Value() (driver.Value, error) {
	text, err := json.Marshal(b.rows.Interface())
	return string(text), err
}

const (
	// batchColumns is the width of the virtual table: the widest set statement has fewer columns.
	batchColumns = 24
	batchModule  = "galla_batch"
	// batchTable makes the virtual table on a connection.
	batchTable = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.batch USING " + batchModule
)

// batches holds what running statements read, by handle.
var batches struct {
	sync.Map
	last atomic.Int64
}

// openBatch makes the batch readable under a handle until closeBatch, with its columns in the statement's order.
func openBatch(b Batch, columns []string) (handle int64, err error) {
	fields, err := fieldsOf(b.rows.Type().Elem(), columns)
	if err != nil {
		return 0, err
	}
	handle = batches.last.Add(1)
	batches.Store(handle, &openedBatch{b.rows, fields})
	return handle, nil
}

func closeBatch(handle int64) { batches.Delete(handle) }

type openedBatch struct {
	rows   reflect.Value
	fields []int // column number → field number
}

type fieldsKey struct {
	row     reflect.Type
	columns string
}

// fieldCache keeps what fieldsOf found. A plain map and lock: the race detector doesn't see what a sync.Map orders once
// a package that is compiled without it, as the driver is in our race tests, uses one too.
var fieldCache struct {
	sync.RWMutex
	m map[fieldsKey][]int
}

// fieldsOf finds the field of each column.
func fieldsOf(row reflect.Type, columns []string) ([]int, error) {
	key := fieldsKey{row, strings.Join(columns, ",")}
	fieldCache.RLock()
	known, ok := fieldCache.m[key]
	fieldCache.RUnlock()
	if ok {
		return known, nil
	}
	byName := map[string]int{}
	for i := range row.NumField() {
		name, _, _ := strings.Cut(row.Field(i).Tag.Get("json"), ",")
		byName[name] = i
	}
	fields := make([]int, len(columns))
	for i, column := range columns {
		field, ok := byName[column]
		if !ok {
			return nil, fmt.Errorf("store: %s has no field for column %s", row, column)
		}
		fields[i] = field
	}
	fieldCache.Lock()
	defer fieldCache.Unlock()
	if fieldCache.m == nil {
		fieldCache.m = map[fieldsKey][]int{}
	}
	fieldCache.m[key] = fields
	return fields, nil
}

func init() {
	if err := vtab.RegisterModule(nil, batchModule, batchTables{}); err != nil {
		panic(err)
	}
}

// batchTables is the virtual table: c0 … c23, and the handle as argument.
type batchTables struct{}

func (m batchTables) Create(ctx vtab.Context, args []string) (vtab.Table, error) {
	return m.Connect(ctx, args)
}

func (batchTables) Connect(ctx vtab.Context, _ []string) (vtab.Table, error) {
	var columns strings.Builder
	for i := range batchColumns {
		fmt.Fprintf(&columns, "c%d, ", i)
	}
	return batchTables{}, ctx.Declare("CREATE TABLE batch (" + columns.String() + "handle HIDDEN)")
}

// BestIndex takes the handle, without which there is nothing to read. A batch has at most about a hundred rows.
func (batchTables) BestIndex(info *vtab.IndexInfo) error {
	for i := range info.Constraints {
		c := &info.Constraints[i]
		if c.Column == batchColumns && c.Op == vtab.OpEQ && c.Usable {
			c.ArgIndex, c.Omit = 0, true
			info.EstimatedCost, info.EstimatedRows = 100, 100
			return nil
		}
	}
	info.EstimatedCost = 1 << 40
	return nil
}

func (batchTables) Open() (vtab.Cursor, error) { return &batchCursor{}, nil }
func (batchTables) Disconnect() error          { return nil }
func (batchTables) Destroy() error             { return nil }

type batchCursor struct {
	batch *openedBatch
	row   int
	count int
	at    reflect.Value
}

func (c *batchCursor) Filter(_ int, _ string, args []vtab.Value) error {
	if len(args) != 1 {
		return fmt.Errorf("store: batch read without a handle")
	}
	handle, _ := args[0].(int64)
	opened, ok := batches.Load(handle)
	if !ok {
		return fmt.Errorf("store: no batch %d", handle)
	}
	c.batch = opened.(*openedBatch)
	c.row, c.count = 0, c.batch.rows.Len()
	c.move()
	return nil
}

func (c *batchCursor) move() {
	if c.row < c.count {
		c.at = c.batch.rows.Index(c.row)
	}
}

func (c *batchCursor) Next() error {
	c.row++
	c.move()
	return nil
}

func (c *batchCursor) Eof() bool             { return c.row >= c.count }
func (c *batchCursor) Rowid() (int64, error) { return int64(c.row), nil }
func (c *batchCursor) Close() error          { return nil }

func (c *batchCursor) Column(column int) (vtab.Value, error) {
	if column >= len(c.batch.fields) {
		return nil, nil
	}
	value := c.at.Field(c.batch.fields[column])
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil, nil
		}
		value = value.Elem()
	}
	if value.Kind() == reflect.String {
		return value.String(), nil
	}
	return value.Int(), nil
}
