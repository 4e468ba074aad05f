package bankfile

import "github.com/galla-gateway/galla/internal/payout"

// impsLimit is what one IMPS payment may be, in rupees (NPCI's limit since October 2021; banks may set a lower one).
const impsLimit = "500000"

// generic is nobody's format: what most banks' own converters ask for, under plain titles. It is for banks that let a
// customer map the columns, for trials, and as the start of an operator's own template.
func generic() Template {
	return Template{
		Name: "generic", Title: "Any bank", Source: "Galla's own layout; of no bank",
		Upload: Upload{
			Kinds: []Kind{CSV, XLSX}, Delimiter: ",", LineEnd: "crlf", Sheet: "Payments", Allowed: " .-/",
			Titles: true,
			Columns: []Column{
				{Title: "Reference", Value: "{reference}"},
				{Title: "Payment Mode", Value: "IMPS"},
				{Title: "Debit Account", Value: "{debit}"},
				{Title: "Beneficiary Name", Value: "{name}"},
				{Title: "Beneficiary Account", Value: "{account}"},
				{Title: "IFSC", Value: "{ifsc}"},
				{Title: "Amount", Value: "{amount}", Number: true},
				{Title: "Value Date", Value: "{date:DD/MM/YYYY}"},
				{Title: "Batch", Value: "{batch}"},
			},
			MaxRows: MaxBatch, MaxAmount: impsLimit,
		},
		Response: Response{
			Kinds: []Kind{CSV, XLSX},
			Reference: Field{Titles: []string{"Reference", "Customer Reference", "Customer Reference No", "Customer Ref No",
				"Reference No", "Reference Number", "Ref No"}},
			Amount: Field{Titles: []string{"Amount", "Transaction Amount", "Txn Amount", "Instrument Amount"}},
			Status: Field{Titles: []string{"Status", "Transaction Status", "Txn Status", "Payment Status"}},
			UTR:    Field{Titles: []string{"UTR", "UTR No", "UTR Number", "RRN", "Bank Reference", "Bank Reference No"}},
			Account: Field{Titles: []string{"Beneficiary Account", "Beneficiary Account No", "Beneficiary Account Number",
				"Account Number", "Account No"}},
			Reason: Field{Titles: []string{"Reason", "Rejection Reason", "Reject Reason", "Failure Reason", "Remarks"}},
			Date:   Field{Titles: []string{"Date", "Transaction Date", "Payment Date", "Processed On"}},
			Words: map[string]payout.Outcome{
				"paid": payout.Paid, "success": payout.Paid, "successful": payout.Paid,
				"failed": payout.Failed, "failure": payout.Failed, "rejected": payout.Failed, "reversed": payout.Failed,
				"returned": payout.Failed,
				"pending":  payout.Sent, "processing": payout.Sent, "in progress": payout.Sent,
			},
		},
	}
}
