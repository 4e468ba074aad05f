package bank

// No sample is known yet: the generic template reads its texts.
var equitas = Bank{Name: "Equitas Small Finance Bank", Headers: []string{"EQUTAS"}, Zone: India}
