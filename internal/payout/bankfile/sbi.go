package bankfile

import "github.com/galla-gateway/galla/internal/payout"

// sbi is in the manner of State Bank of India's CMP (Cash Management Product). The bank's own presentation says that the
// format is agreed with each customer, delimited text for preference: so no exact source can exist. The lines HDR, TXN and
// TRL with ^ between, the count and the total are as one public program writes them; the response, with titles, is plausible
// and no more. CMP's agreed layout belongs into an operator's own template.
func sbi() Template {
	return Template{
		Name: "sbi", Title: "State Bank of India, CMP",
		Source: "in the manner of the bank: it agrees the layout with each customer",
		Upload: Upload{
			Kinds: []Kind{CSV}, Delimiter: "^", LineEnd: "crlf", Allowed: " .-",
			Before: []Line{{"HDR", "{batch}", "{debit}", "{count}", "{total}"}},
			Columns: []Column{
				{Value: "TXN"},
				{Value: "{debit}"},
				{Value: "{ifsc}", Width: 11},
				{Value: "{account}", Width: 18},
				{Value: "{name}", Width: 40},
				{Value: "{amount}"},
				{Value: "{reference}", Width: 30},
			},
			After:   []Line{{"TRL", "{count}", "{total}"}},
			MaxRows: 5000, MaxAmount: impsLimit,
		},
		Response: Response{
			Kinds:     []Kind{CSV, XLSX},
			Reference: Field{Titles: []string{"Narration", "Customer Reference No", "Customer Reference", "Reference No"}},
			Amount:    Field{Titles: []string{"Amount", "Transaction Amount"}},
			Status:    Field{Titles: []string{"Status", "Transaction Status"}},
			UTR:       Field{Titles: []string{"UTR No", "UTR Number", "UTR", "Journal No"}},
			Account:   Field{Titles: []string{"Beneficiary Account", "Beneficiary Account No", "Credit Account No"}},
			Reason:    Field{Titles: []string{"Reason", "Return Reason", "Error Description"}},
			Date:      Field{Titles: []string{"Processed Date", "Transaction Date"}},
			Words: map[string]payout.Outcome{
				"success": payout.Paid, "paid": payout.Paid, "credited": payout.Paid,
				"failure": payout.Failed, "failed": payout.Failed, "rejected": payout.Failed, "returned": payout.Failed,
				"pending": payout.Sent, "under process": payout.Sent,
			},
			PaidNeedsUTR: true,
		},
	}
}
