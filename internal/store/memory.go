package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// openMemory opens a database that turns rows that are here already into sql.Rows, which is what the generated code reads
// and nothing but a database can make.
func openMemory() *sql.DB { return sql.OpenDB(memoryConnector{}) }

type memoryConnector struct{}

func (c memoryConnector) Connect(context.Context) (driver.Conn, error) { return memoryConn{}, nil }
func (c memoryConnector) Driver() driver.Driver                        { return nil }

var errMemory = errors.New("store: rows in memory can only be read")

// memoryConn answers a query with the rows that are its only argument.
type memoryConn struct{}

func (memoryConn) Prepare(string) (driver.Stmt, error)            { return nil, errMemory }
func (memoryConn) Begin() (driver.Tx, error)                      { return nil, errMemory }
func (memoryConn) Close() error                                   { return nil }
func (memoryConn) CheckNamedValue(value *driver.NamedValue) error { return nil }

func (memoryConn) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	rows := args[0].Value.(*memoryRows)
	return rows, rows.err
}

// memoryRows are the rows of a query.
type memoryRows struct {
	columns []string
	rows    [][]any
	err     error
}

// readRows reads all rows of a query in the types that database/sql knows.
func readRows(rows pgx.Rows) (*memoryRows, error) {
	defer rows.Close()
	m := &memoryRows{}
	for _, field := range rows.FieldDescriptions() {
		m.columns = append(m.columns, field.Name)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		for i, value := range values {
			switch v := value.(type) {
			case nil, int64, string, []byte:
			case int16:
				values[i] = int64(v)
			case int32:
				values[i] = int64(v)
			default:
				return nil, fmt.Errorf("store: column %s has a value of type %T", m.columns[i], v)
			}
		}
		m.rows = append(m.rows, values)
	}
	rows.Close()
	return m, rows.Err()
}

func (m *memoryRows) Columns() []string { return m.columns }
func (m *memoryRows) Close() error      { return nil }

func (m *memoryRows) Next(dest []driver.Value) error {
	if len(m.rows) == 0 {
		return io.EOF
	}
	for i, value := range m.rows[0] {
		dest[i] = value
	}
	m.rows = m.rows[1:]
	return nil
}
