package bankfile

import "github.com/galla-gateway/galla/internal/payout"

// icici is the file for payments to beneficiaries who aren't registered, of ICICI's corporate internet banking and InstaBIZ:
// the bank's NPAB_FMT workbook. No page of the bank shows it. The 19 columns, PAB_VENDOR, IMPS and FT (for accounts of ICICI
// itself), and the date with dashes are as several public programs write them that name the workbook and work with the bank;
// newer workbooks have a column LEI_NUMBER behind, for payments far above IMPS. How wide the columns may be is not public.
//
// The response is the bank's Consolidated Status Report of 29 columns, as a public program reads it that was written by a
// real report (ConsolidatedReportNPAB.xlsx, of 2026). Of its words Success and Reversed were seen there; the others are in
// the manner of the bank. Success without a UTR has not reached the beneficiary's bank for sure, and is unknown.
func icici() Template {
	return Template{
		Name: "icici", Title: "ICICI Bank, corporate internet banking (NPAB)",
		Source: "layout as public programs write and read it; most words of the status are a guess; compare with the bank's NPAB_FMT",
		Upload: Upload{
			Kinds: []Kind{XLSX, CSV}, Delimiter: ",", LineEnd: "crlf", Sheet: "Sheet1", OwnBank: "ICIC", Allowed: " .-_",
			Titles: true,
			Columns: []Column{
				{Title: "PYMT_PROD_TYPE_CODE", Value: "PAB_VENDOR"},
				{Title: "PYMT_MODE", Value: "IMPS", Within: "FT"},
				{Title: "DEBIT_ACC_NO", Value: "{debit}"},
				{Title: "BNF_NAME", Value: "{name}"},
				{Title: "BENE_ACC_NO", Value: "{account}"},
				{Title: "BENE_IFSC", Value: "{ifsc}"},
				{Title: "AMOUNT", Value: "{amount}", Number: true},
				{Title: "DEBIT_NARR", Value: "{reference}", Width: 30},
				{Title: "CREDIT_NARR", Value: "{reference}", Width: 30},
				{Title: "MOBILE_NUM"}, {Title: "EMAIL_ID"},
				{Title: "REMARK", Value: "{batch}"},
				{Title: "PYMT_DATE", Value: "{date:DD-MM-YYYY}"},
				{Title: "REF_NO", Value: "{reference}"},
				{Title: "ADDL_INFO1"}, {Title: "ADDL_INFO2"}, {Title: "ADDL_INFO3"}, {Title: "ADDL_INFO4"}, {Title: "ADDL_INFO5"},
			},
			MaxRows: 1000, MaxAmount: impsLimit,
		},
		Response: Response{
			Kinds:     []Kind{XLSX, CSV},
			Reference: Field{Titles: []string{"Reference_no", "REF_NO"}},
			Amount:    Field{Titles: []string{"Amount"}},
			Status:    Field{Titles: []string{"STATUS"}},
			UTR:       Field{Titles: []string{"UTR NO", "UTR Number"}},
			Account:   Field{Titles: []string{"Beneficiary Account No", "BENE_ACC_NO"}},
			Reason:    Field{Titles: []string{"Rejection Reason"}},
			Date:      Field{Titles: []string{"Acct_Debit_date"}},
			Words: map[string]payout.Outcome{
				"success":  payout.Paid,
				"reversed": payout.Failed, "rejected": payout.Failed, "failed": payout.Failed, "returned": payout.Failed,
				"processing": payout.Sent, "in progress": payout.Sent, "pending": payout.Sent,
			},
			PaidNeedsUTR: true,
		},
	}
}
