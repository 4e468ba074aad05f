package window

// Page is one screen of the window as data: everything that its template shows, and nothing else. Exactly one of
// Methods, Amount, Pay, Result and Problem is set. All text from outside (ids, names, numbers) is plain text here; the
// template escapes it.
type Page struct {
	Lang      string         // "en", "hi", "bn", "ur": the catalogue, and the lang attribute
	Languages []LanguageLink // the switch; the current one first. Fewer than two: no switch
	Brand     Brand
	Simulated bool   // the demo and sandbox merchants: a mark that no real money moves
	Action    string // the same link again, path and query: where forms post to and where "reload" leads

	Methods *MethodsScreen
	Amount  *AmountScreen
	Pay     *PayScreen
	Result  *ResultScreen
	Problem *ProblemScreen
}

// LanguageLink switches the language: the same link with another lang.
type LanguageLink struct{ Lang, Name, URL string }

// Brand is how the merchant looks. The zero value is Galla's own look.
type Brand struct {
	Name    string // shown as text, "" shows none
	LogoURL string // same origin, "" for none
	Colour  string // "#rrggbb", "" for the default
	Theme   string // "light", "dark", "" for what the device prefers
	Contact string // e-mail, phone or https URL of the merchant's support, "" for none
}

// MethodsScreen lets the payer choose how to pay. Form field: wallet_type.
type MethodsScreen struct{ Methods []MethodChoice }

// MethodChoice is one method on offer.
type MethodChoice struct{ Name, Title, URL string } // URL: the same link with this wallet_type

// AmountScreen lets the payer type the amount. Form fields: wallet_type, amount.
type AmountScreen struct {
	Method   string // wallet_type that was chosen, a hidden field; "" for none
	Currency string
	Typed    string // what was typed before, to correct
	Error    string // message key of the catalogue, "" for none
}

// PayScreen shows where to pay and takes the transaction number. Form fields: wallet_type, amount, key1.
type PayScreen struct {
	Method      string // wallet_type
	Title       string // "PhonePe"
	AccountType string // "agent", "personal", "merchant": what the steps say to choose in the app; "" is "personal"
	Identifier  string // the wallet: number or UPI address
	Holder      string
	Amount      string // grouped for people, with the currency: "₹1,25,000.50"
	AmountRaw   string // "125000.50": what is copied, and the hidden field
	Editable    bool   // the payer typed the amount and may change it
	ChangeURL   string // leads back to the amount, "" where it is fixed
	QR          string // what the QR says, "" for none
	AppLinks    []AppLink
	Apps        []string // apps whose drawing helps to find the number: "phonepe", "gpay", "paytm", "bhim"
	NumberKind  string   // what is asked for, a key of the catalogue: "rrn" (12 digits), "bkash", …
	Typed       string   // what was typed before, to correct
	Error       string   // message key: what is wrong with Typed, "" for none
	Correcting  bool     // an earlier number of this order waits or was refused; this one replaces it
	Left        int      // corrections that are left
}

// AppLink opens a wallet app, as a best effort.
type AppLink struct{ Title, URL string }

// ResultScreen shows the truth of the order.
type ResultScreen struct {
	Status      string // the wire's: "ok", "pending", "possible_transaction_created", "fail"; the data-status attribute
	Reason      string // message key of what to do next, "" for the status's own text
	Amount      string // for people: observed when ok, else claimed
	Number      string // the transaction number as typed
	Order       string
	Title       string // of the method
	CorrectURL  string // leads to the number's form, "" where nothing can be corrected any more
	RedirectURL string // where the payer goes next, "" stays
	Seconds     int    // countdown to RedirectURL
	EventsURL   string // SSE of this order, "" when nothing can change any more
	Tag         string // of what is shown: scripts load the page anew when it changes
	StateURL    string // JSON of this order, for polling; "" as above
	Refresh     int    // seconds after which a page without JavaScript loads itself again, 0 never
	AgainIn     int    // minutes until the number is checked, when too many wrong ones came; 0: it was checked
	Origin      string // the page that embeds this one and is told of changes, "" for none
}

// ProblemScreen says what the merchant must fix.
type ProblemScreen struct {
	Code      string // machine-readable: "label_missing", "method_unknown", …
	Parameter string // the parameter's name on the wire
	Detail    string // message key
	Support   bool   // show the merchant's contact
}
