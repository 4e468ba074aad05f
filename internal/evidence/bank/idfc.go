package bank

// IDFC FIRST prints no reference in this text: it waits for a second source.
var idfc = Bank{
	Name:    "IDFC FIRST Bank",
	Headers: []string{"IDFCFB"},
	Zone:    India,
	Templates: []Template{
		{"idfc_credit", "Your A/C {tail} is credited by {amount} on {date} {time}. New Bal"},
	},
}
