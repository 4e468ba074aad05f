package bank

var kotak = Bank{
	Name:    "Kotak Bank",
	Headers: []string{"KOTAKB"},
	Zone:    India,
	Templates: []Template{
		{"kotak_upi", "Received {amount} in your Kotak Bank A[/]C {tail} from {payer} on {date}. UPI Ref {ref}"},
		{"kotak_imps", "Received {amount} on {date} in your Kotak Bank A[/]c {tail} by an A/C linked to mobile {mask}. " +
			"IMPS Ref no {ref}"},
	},
}
