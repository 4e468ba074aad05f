package bank

var cityUnion = Bank{
	Name:    "City Union Bank",
	Headers: []string{"CUBANK"},
	Zone:    India,
	Templates: []Template{
		{"city_union_upi", "Your a/c no. {tail} is credited for {amount} on {date} and debited from a/c no. {mask} " +
			"(UPI Ref no {ref})"},
	},
}
