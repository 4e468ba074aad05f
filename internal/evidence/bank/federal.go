package bank

// No sample is known yet: the generic template reads its texts.
var federal = Bank{Name: "Federal Bank", Headers: []string{"FEDBNK"}, Zone: India}
