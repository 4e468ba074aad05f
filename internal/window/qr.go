package window

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// quietZone is the empty border that the QR standard asks for, in modules.
const quietZone = 4

// NewQR draws a text as a QR code: SVG, dark on white in every theme, since scanners need it so. It fails when the text
// is too long for a code, beyond some 2,000 characters.
func NewQR(text string) (svg template.HTML, err error) { return labelledQR(text, "QR") }

// labelledQR is NewQR with the label that screen readers say.
func labelledQR(text, label string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("qr of %d bytes: %w", len(text), err)
	}
	size := code.Size + 2*quietZone
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-label="%s">`,
		size, size, template.HTMLEscapeString(label))
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%[1]dH0z"/><path fill="#000" d="`, size)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			start := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", start+quietZone, y+quietZone, x-start)
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}
