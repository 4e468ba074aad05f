package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
)

const (
	// operatorVariable holds the key that says which person acts. It is no flag: those stand in the list of processes.
	operatorVariable     = "GALLA_OPERATOR_KEY"
	operatorFileVariable = "GALLA_OPERATOR_KEY_FILE"
)

func newOperator(a *app) *cobra.Command {
	return inGroup(groupHouse, group("operator", "People who approve and pay withdrawals", a.operatorAdd(), a.operatorList(),
		a.verb("retire NAME", "End what a person may do", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			ad, err := a.openAdmin(c)
			if err != nil {
				return err
			}
			defer ad.Close()
			if err := ad.RetireOperator(c.Context(), args[0]); err != nil {
				return err
			}
			return a.print(operatorDoc{Name: args[0], State: gateway.OperatorRetired}, func(w io.Writer) { fmt.Fprintf(w, "%s can do nothing any more\n", args[0]) })
		}),
	))
}

// operatorDoc is a person in a document. Key is given away once, when it is made.
type operatorDoc struct {
	ID        int64  `json:"id,omitempty"`
	Name      string `json:"name"`
	State     string `json:"state"`
	Key       string `json:"key,omitempty"`
	CreatedAt string `json:"created_at,omitempty"`
}

func (a *app) operatorAdd() *cobra.Command {
	return a.verb("add NAME", "Add a person and print the key, this once", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		key, err := ad.AddOperator(c.Context(), args[0])
		if err != nil {
			return err
		}
		doc := operatorDoc{Name: args[0], State: gateway.OperatorActive, Key: key.Reveal()}
		return a.print(doc, func(w io.Writer) {
			pairs(w, [2]string{"name", doc.Name}, [2]string{"key", doc.Key})
			fmt.Fprintf(w, "\nThe key is shown once. Give it to %s alone, who puts it into %s or, in a file, into %s.\n", doc.Name, operatorVariable, operatorFileVariable)
		})
	})
}

func (a *app) operatorList() *cobra.Command {
	return a.verb("list", "List people", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListOperators(c.Context())
		if err != nil {
			return err
		}
		docs, cells := make([]operatorDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			docs[i] = operatorDoc{ID: row.ID, Name: row.Name, State: row.State, CreatedAt: moment(row.CreatedAt)}
			cells[i] = []string{number(row.ID), row.Name, row.State, minute(row.CreatedAt)}
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"id", "name", "state", "since"}, cells) })
	})
}

// openOperator opens the installation for an act of a person, whose key says who it is.
func (a *app) openOperator(c *cobra.Command) (*admin, gateway.Operator, error) {
	key := a.variable(operatorVariable)
	if path := a.variable(operatorFileVariable); path != "" {
		if key != "" {
			return nil, gateway.Operator{}, usagef("set %s or %s, not both", operatorVariable, operatorFileVariable)
		}
		var err error
		if key, err = readSecretFile(path); err != nil {
			return nil, gateway.Operator{}, fmt.Errorf("%s: %w", operatorFileVariable, err)
		}
	}
	if key == "" {
		return nil, gateway.Operator{}, usagef("who acts? Set %s to your operator key, or %s to a file that holds it (galla operator add NAME makes one)", operatorVariable, operatorFileVariable)
	}
	ad, err := a.openAdmin(c)
	if err != nil {
		return nil, gateway.Operator{}, err
	}
	by, err := ad.Operator(c.Context(), keyring.Secret(key))
	if err != nil {
		ad.Close()
		return nil, by, err
	}
	return ad, by, nil
}
