package bankfile

import "github.com/galla-gateway/galla/internal/payout"

// hdfc is the file for vendor payments of HDFC Bank's ENet. Its 28 columns and their widths are those of the bank's document
// "RBI Adapter Specification" (annexure 1, the upload file format), and its "Bulk Transactions Upload Manual" (February 2016)
// has it as text with commas, without titles, commas inside or special characters. Both documents are public as copies. Our
// reference is field 14, the customer reference number, which the document says comes back in the reverse file. Both know N,
// R, I and others as transaction types and are older than IMPS there: M is in the manner of later sheets, so ask the bank.
// Accounts of HDFC itself may have to go as I with a registered beneficiary code, which Galla doesn't know.
// The file's name must be the client code, day, month and a running number, such as ABCD2007.001.
//
// The reverse file has 14 columns without titles, as a public program of 2020 reads it: 4 the amount, 6 the date, 7 the
// customer reference, 10 the account, 11 the UTR, 12 E or R (executed, rejected: the words of the bank's "Upload File
// Specifications"), 13 the reason, 14 the IFSC. ENet can be set up with other columns: compare with the bank's answer.
func hdfc() Template {
	columns := []Column{
		{Title: "Transaction Type", Value: "M", Width: 1},
		{Title: "Beneficiary Code", Width: 13},
		{Title: "Beneficiary Account Number", Value: "{account}", Width: 25},
		{Title: "Instrument Amount", Value: "{amount}", Width: 20},
		{Title: "Beneficiary Name", Value: "{name}", Width: 40},
		{Title: "Drawee Location", Width: 20}, {Title: "Print Location", Width: 20},
		{Title: "Bene Address 1", Width: 70}, {Title: "Bene Address 2", Width: 70}, {Title: "Bene Address 3", Width: 70},
		{Title: "Bene Address 4", Width: 70}, {Title: "Bene Address 5", Width: 20},
		{Title: "Instruction Reference Number", Value: "{reference}", Width: 20},
		{Title: "Customer Reference Number", Value: "{reference}", Width: 20},
		{Title: "Payment details 1", Value: "{batch}", Width: 30},
		{Title: "Payment details 2", Width: 30}, {Title: "Payment details 3", Width: 30}, {Title: "Payment details 4", Width: 30},
		{Title: "Payment details 5", Width: 30}, {Title: "Payment details 6", Width: 30}, {Title: "Payment details 7", Width: 30},
		{Title: "Cheque Number", Width: 12},
		{Title: "Chq / Trn Date", Value: "{date:DD/MM/YYYY}", Width: 10},
		{Title: "MICR Number", Width: 15},
		{Title: "IFC Code", Value: "{ifsc}", Width: 15},
		{Title: "Bene Bank Name", Value: "{bank}", Width: 100},
		{Title: "Bene Bank Branch Name", Width: 40},
		{Title: "Beneficiary email id", Width: 100},
	}
	return Template{
		Name: "hdfc", Title: "HDFC Bank, ENet vendor payments",
		Source: "upload by the bank's own documents, but for the letter of IMPS; reverse file as one public program reads it",
		Upload: Upload{
			Kinds: []Kind{CSV}, Delimiter: ",", LineEnd: "crlf", Allowed: " ./-",
			Columns: columns, MaxRows: 1000, MaxAmount: impsLimit,
		},
		Response: Response{
			Kinds: []Kind{CSV}, Delimiter: ",", Count: 14,
			Amount: Field{Position: 4}, Date: Field{Position: 6}, Reference: Field{Position: 7}, Account: Field{Position: 10},
			UTR: Field{Position: 11}, Status: Field{Position: 12}, Reason: Field{Position: 13},
			Words: map[string]payout.Outcome{"E": payout.Paid, "R": payout.Failed},
		},
	}
}
