package bank

var union = Bank{
	Name:    "Union Bank of India",
	Headers: []string{"UNIONB", "UBINBK"},
	Zone:    India,
	Templates: []Template{
		{"union_upi", "A/c {tail} Credited for {amount} on {date} {time} by Mob Bk ref no {ref}"},
	},
}
