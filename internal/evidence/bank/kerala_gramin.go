package bank

// No sample is known yet: the generic template reads its texts.
var keralaGramin = Bank{Name: "Kerala Gramin Bank", Headers: []string{"KGBANK"}, Zone: India}
