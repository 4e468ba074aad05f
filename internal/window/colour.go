package window

import (
	"fmt"
	"strconv"
)

// colour is an sRGB colour.
type colour struct{ r, g, b uint8 }

// The surfaces that text in the brand's colour stands on; window.css has the same values.
var (
	white     = colour{255, 255, 255}
	black     = colour{}
	lightPage = colour{0xf4, 0xf6, 0xf8}
	darkPage  = colour{0x1c, 0x22, 0x2b}
)

// textContrast is what WCAG 2.2 AA asks of text, in tenths: 4.5 to 1.
const textContrast = 45

// parseColour reads "#rrggbb".
func parseColour(text string) (colour, bool) {
	if len(text) != len("#rrggbb") || text[0] != '#' {
		return colour{}, false
	}
	for i := 1; i < len(text); i++ {
		if c := text[i] | 0x20; c-'0' > 9 && c-'a' > 'f'-'a' {
			return colour{}, false
		}
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err == nil
}

func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is WCAG's relative luminance in parts of 10^10.
func (c colour) luminance() int64 { return 2126*linear[c.r] + 7152*linear[c.g] + 722*linear[c.b] }

// readable reports whether text of one colour on the other has the contrast of textContrast.
func readable(a, b colour) bool {
	const flare = 500_000_000 // WCAG's 0.05
	high, low := a.luminance()+flare, b.luminance()+flare
	if high < low {
		high, low = low, high
	}
	return high*10 >= low*textContrast
}

// textOn is the colour of text on a surface: white where it can be read, else black. One of both always can.
func textOn(surface colour) colour {
	if readable(white, surface) {
		return white
	}
	return black
}

// accentOn moves a colour towards text's end of the scale until it can be read on both the page and a card.
func accentOn(c, page, card colour) colour {
	towards := black
	if textOn(page) == white {
		towards = white
	}
	const steps = 32
	for step := range steps {
		mixed := mix(c, towards, step, steps)
		if readable(mixed, page) && readable(mixed, card) {
			return mixed
		}
	}
	return towards
}

// mix is part/of of the way from a to b.
func mix(a, b colour, part, of int) colour {
	channel := func(x, y uint8) uint8 { return uint8((int(x)*(of-part) + int(y)*part) / of) }
	return colour{channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)}
}

// brandStyle is the style sheet that puts a merchant's colour in place of Galla's, "" for a colour that can't be read.
// Everything in it is computed from three numbers.
func brandStyle(text string) string {
	c, ok := parseColour(text)
	if !ok {
		return ""
	}
	light := fmt.Sprintf("--b:%s;--on:%s;--a:%s", c, textOn(c), accentOn(c, lightPage, white))
	dark := fmt.Sprintf("--b:%s;--on:%s;--a:%s", c, textOn(c), accentOn(c, darkPage, darkPage))
	return ":root{" + light + "}" +
		"@media(prefers-color-scheme:dark){:root:not(.light){" + dark + "}}" +
		":root.dark{" + dark + "}"
}

// linear holds the linear light of each value of an sRGB channel, in millionths: WCAG's formula has a power of 2.4, and
// floating point is banned here.
var linear = [256]int64{
	0, 304, 607, 911, 1214, 1518, 1821, 2125, 2428, 2732, 3035, 3347, 3677, 4025, 4391, 4777,
	5182, 5605, 6049, 6512, 6995, 7499, 8023, 8568, 9134, 9721, 10330, 10960, 11612, 12286, 12983, 13702,
	14444, 15209, 15996, 16807, 17642, 18500, 19382, 20289, 21219, 22174, 23153, 24158, 25187, 26241, 27321, 28426,
	29557, 30713, 31896, 33105, 34340, 35601, 36889, 38204, 39546, 40915, 42311, 43735, 45186, 46665, 48172, 49707,
	51269, 52861, 54480, 56128, 57805, 59511, 61246, 63010, 64803, 66626, 68478, 70360, 72272, 74214, 76185, 78187,
	80220, 82283, 84376, 86500, 88656, 90842, 93059, 95307, 97587, 99899, 102242, 104616, 107023, 109462, 111932, 114435,
	116971, 119538, 122139, 124772, 127438, 130136, 132868, 135633, 138432, 141263, 144128, 147027, 149960, 152926, 155926, 158961,
	162029, 165132, 168269, 171441, 174647, 177888, 181164, 184475, 187821, 191202, 194618, 198069, 201556, 205079, 208637, 212231,
	215861, 219526, 223228, 226966, 230740, 234551, 238398, 242281, 246201, 250158, 254152, 258183, 262251, 266356, 270498, 274677,
	278894, 283149, 287441, 291771, 296138, 300544, 304987, 309469, 313989, 318547, 323143, 327778, 332452, 337164, 341914, 346704,
	351533, 356400, 361307, 366253, 371238, 376262, 381326, 386429, 391572, 396755, 401978, 407240, 412543, 417885, 423268, 428690,
	434154, 439657, 445201, 450786, 456411, 462077, 467784, 473531, 479320, 485150, 491021, 496933, 502886, 508881, 514918, 520996,
	527115, 533276, 539479, 545724, 552011, 558340, 564712, 571125, 577580, 584078, 590619, 597202, 603827, 610496, 617207, 623960,
	630757, 637597, 644480, 651406, 658375, 665387, 672443, 679542, 686685, 693872, 701102, 708376, 715694, 723055, 730461, 737910,
	745404, 752942, 760525, 768151, 775822, 783538, 791298, 799103, 806952, 814847, 822786, 830770, 838799, 846873, 854993, 863157,
	871367, 879622, 887923, 896269, 904661, 913099, 921582, 930111, 938686, 947307, 955973, 964686, 973445, 982251, 991102, 1000000,
}
