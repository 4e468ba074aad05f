package bank

var indusind = Bank{
	Name:    "IndusInd Bank",
	Headers: []string{"INDUSB"},
	Zone:    India,
	Templates: []Template{
		{"indusind_upi", "A/C {tail} credited by {amount} from {payer}. RRN:{ref}"},
	},
}
