package bank

var indian = Bank{
	Name:    "Indian Bank",
	Headers: []string{"INDBNK"},
	Zone:    India,
	Templates: []Template{
		{"indian_upi", "{amount} credited to a/c {tail} on {date} by a/c linked to VPA {payer} (UPI Ref no {ref})"},
	},
}
