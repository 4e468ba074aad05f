package bank

// All lists every bank. Where a sender is unknown, templates are tried in this order.
func All() []Bank {
	return []Bank{
		hdfc, sbi, icici, axis, kotak, pnb, baroda, indian, indusind, canara, cityUnion, dhanlaxmi, airtel, union, idfc, uco,
		federal, yes, overseas, equitas, slice, jana, nsdl, punjabSind, southIndian, bandhan, auSmall, keralaGramin,
		paytm, phonePe,
	}
}

// Apps lists every app whose notifications are read.
func Apps() []App { return []App{phonePeApp, googlePayApp, paytmApp} }
