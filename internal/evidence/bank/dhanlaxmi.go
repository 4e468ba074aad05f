package bank

var dhanlaxmi = Bank{
	Name:    "Dhanlaxmi Bank",
	Headers: []string{"DHANBK"},
	Zone:    India,
	Templates: []Template{
		{"dhanlaxmi_upi", "Your a/c no. {tail} is credited for {amount} on {date} and debited from a/c no. {mask} " +
			"(UPI Ref no {ref})"},
	},
}
