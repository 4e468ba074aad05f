package bank

var pnb = Bank{
	Name:    "PNB",
	Headers: []string{"PNBSMS"},
	Zone:    India,
	Templates: []Template{
		{"pnb_upi", "A[/]c {tail} Credited with {amount} {date} {time} thru UPI . Aval Bal {money} [CR]. (UPI Ref ID:{ref})"},
	},
}
