package bank

var baroda = Bank{
	Name:    "Bank of Baroda",
	Headers: []string{"BOBTXN", "BOBSMS"},
	Zone:    India,
	Templates: []Template{
		{"baroda_upi", "{amount} Credited to A/c {tail} thru UPI/{ref} by {vpa_}. Total Bal:{money}[CR]. " +
			"Avlbl Amt:{money}[CR]({date} {time})"},
	},
}
