package payout

import (
	"slices"
	"testing"
)

func TestReferences(t *testing.T) {
	const ours, second = "GL00000000000012", "GL00000000000013"
	if Reference(12) != ours || len(ours) != ReferenceLength {
		t.Fatal(Reference(12))
	}
	for text, want := range map[string][]string{
		"IMPS/P2A/412345678901/GL00000000000012/Gaurav Kumar/HDFC":                  {ours},
		"IMPS-412345678901-GAURAV KUMAR-HDFC-XXXXXXXX1234-GL00000000000012":         {ours},
		"MMT/IMPS/412345678901/GL00000000000012/GAURAV KUM/HDFC0001234":             {ours},
		"TO TRANSFER-INB IMPS412345678901/9000000000/XX0000/GL00000000000012--":     {ours},
		"NEFT DR-HDFC0001234-GAURAV-NETBANK, MUM-N329241234567890-GL00000000000012": {ours},
		"GL00000000000012":                                {ours},
		"imps gl00000000000012 x":                         {ours},
		"X_GL00000000000012_Y":                            {ours},
		"GL00000000000012 GL00000000000012":               {ours},
		"GL00000000000012 GL00000000000013":               {ours, second},
		"GL00000000000012GL00000000000013":                nil,
		"GL000000000000123":                               nil, // what begins like ours, too
		"GL0000000000012":                                 nil, // cut off
		"GL0000000000001 2":                               nil,
		"XGL00000000000012":                               nil,
		"1GL00000000000012":                               nil,
		"GL00000000000012X":                               nil,
		"éGL00000000000012":                               nil,
		"GL00000000000012é":                               nil,
		"GL 00000000000012":                               nil,
		"GL0000000000001O":                                nil,
		"GL۰۰۰۰۰۰۰۰۰۰۰۰۱۲":                                nil,
		"":                                                nil,
		"\xffGL00000000000012\xff":                        {ours},
		"GL00000000000012/GL000000000000134/412345678901": {ours},
	} {
		if got := References(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzReferences(f *testing.F) {
	f.Add("IMPS/P2A/412345678901/GL00000000000012/Gaurav Kumar/HDFC")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range References(text) {
			if len(found) != ReferenceLength || !slices.Equal(References("/"+found+"/"), []string{found}) {
				t.Errorf("%q: %q", text, found)
			}
		}
	})
}
