package logo

import (
	"bytes"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
)

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">`

func TestCleanKeepsWhatDraws(t *testing.T) {
	for source, want := range map[string]string{
		head + `<path d="M0 0L8,8z" fill="#ff8800" transform="rotate(-45 4 4)"></path></svg>`:                              "",
		head + `<g fill="none" stroke="red"><circle cx="4" cy="4" r="1.5"></circle></g></svg>`:                             "",
		head + `<text x="1" font-family="Noto Sans">गल्ला &lt;&amp;&gt;</text></svg>`:                                      "",
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made by hand -->\n" + head + "\n  <rect width=\"8\"/>\n</svg>\n": head + `<rect width="8"></rect></svg>`,
		`<svg viewBox="0 0 8 8"/>`: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"></svg>`,
		`<x:svg xmlns:x="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><x:g/></x:svg>`: head + `<g></g></svg>`,
		head + `<text>a<![CDATA[<script>]]>b</text></svg>`:                             head + `<text>a&lt;script&gt;b</text></svg>`,
	} {
		if want == "" {
			want = source
		}
		got, err := Clean([]byte(source))
		if err != nil || string(got.Data) != want || got.Type != SVG || len(got.Dropped) != 0 {
			t.Errorf("%s\n got %s %v %v\nwant %s", source, got.Data, got.Dropped, err, want)
		}
	}
}

// Each attack is left out, and named; what is around it stays.
func TestCleanLeavesAttacksOut(t *testing.T) {
	for source, dropped := range map[string]string{
		`<script>alert(1)</script>`: "script",
		`<SCRIPT>alert(1)</SCRIPT>`: "SCRIPT",
		`<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>`:        "script",
		`<g xmlns="http://www.w3.org/1999/xhtml" onload="alert(1)"/>`:                 "g",
		`<style>@import url(//evil.example)</style>`:                                  "style",
		`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>`: "foreignObject",
		`<use href="#a"/>`:                                                                        "use",
		`<image href="https://evil.example/x.png"/>`:                                              "image",
		`<a href="javascript:alert(1)"><text>x</text></a>`:                                        "a",
		`<animate attributeName="href" values="javascript:alert(1)"/>`:                            "animate",
		`<set attributeName="onload" to="alert(1)"/>`:                                             "set",
		`<iframe src="//evil.example"/>`:                                                          "iframe",
		`<svg onload="alert(1)"/>`:                                                                "svg",
		`<filter id="f"><feImage href="//evil.example"/></filter>`:                                "filter",
		`<linearGradient id="g" href="//evil.example#g"/>`:                                        "linearGradient",
		`<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>`: "metadata",
		`<?xml-stylesheet href="//evil.example/x.css"?>`:                                          "?xml-stylesheet",
		`<g onclick="alert(1)"></g>`:                                                              "@onclick",
		`<g ONLOAD="alert(1)"></g>`:                                                               "@ONLOAD",
		`<g style="background:url(//evil.example)"></g>`:                                          "@style",
		`<g class="x"></g>`:                                                                       "@class",
		`<g id="x"></g>`:                                                                          "@id",
		`<g href="//evil.example"></g>`:                                                           "@href",
		`<g xlink:href="//evil.example" xmlns:xlink="http://www.w3.org/1999/xlink"></g>`:          "@href",
		`<g xml:base="//evil.example"></g>`:                                                       "@base",
		`<g fill="url(#x)"></g>`:                                                                  "@fill",
		`<g fill="URL(//evil.example)"></g>`:                                                      "@fill",
		`<g fill="u&#114;l(#x)"></g>`:                                                             "@fill",
		`<g fill="\75rl(#x)"></g>`:                                                                "@fill",
		`<g fill="red;background:x"></g>`:                                                         "@fill",
		`<g fill="&quot;&gt;&lt;script&gt;"></g>`:                                                 "@fill",
		`<g d="expression(alert(1))&#x2028;"></g>`:                                                "@d",
	} {
		got, err := Clean([]byte(head + source + `<rect width="8"/></svg>`))
		want := head + `<rect width="8"></rect></svg>`
		if strings.HasPrefix(dropped, "@") {
			want = head + `<g></g><rect width="8"></rect></svg>`
		}
		if err != nil || string(got.Data) != want || !slices.Equal(got.Dropped, []string{dropped}) {
			t.Errorf("%s\n got %s %q %v\nwant %s", source, got.Data, got.Dropped, err, want)
		}
	}
}

func TestCleanRefuses(t *testing.T) {
	deep := strings.Repeat("<g>", maxDepth) + strings.Repeat("</g>", maxDepth)
	for name, source := range map[string]string{
		"empty": "", "text": "logo", "gif": "GIF89a\x01\x00\x01\x00", "html": "<html><body/></html>", "two roots": head + "</svg>" + head + "</svg>",
		"cut": head + "<g>", "crossed": head + "<g></svg></g>", "svg of another namespace": `<svg xmlns="http://www.w3.org/1999/xhtml"/>`,
		"doctype":        `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">` + head + "</svg>",
		"entities":       `<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + head + "<text>&b;</text></svg>",
		"hidden doctype": head + `<metadata><!DOCTYPE svg></metadata></svg>`, "entity": head + "<text>&a;</text></svg>",
		"UTF-16": `<?xml version="1.0" encoding="UTF-16"?>` + head + "</svg>", "no UTF-8": head + "<text>\xff</text></svg>",
		"control": head + "<text>\x01</text></svg>", "deep": head + deep + "</svg>",
		"many": head + strings.Repeat("<g/>", maxElements) + "</svg>", "large": head + strings.Repeat(" ", MaxBytes) + "</svg>",
		"grows": head + "<text>" + strings.Repeat(`"`, 14000) + "</text></svg>",
	} {
		if got, err := Clean([]byte(source)); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes, %v", name, len(got.Data), err)
		}
	}
}

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	picture.SetNRGBA(width/2, height/2, color.NRGBA{200, 100, 50, 128})
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// chunk is a chunk of a PNG.
func chunk(name, data string) []byte {
	out := []byte{byte(len(data) >> 24), byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}
	out = append(append(out, name...), data...)
	sum := crc32.ChecksumIEEE(out[4:])
	return append(out, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

func TestCleanDrawsPNGAnew(t *testing.T) {
	plain := pngOf(t, 20, 10)
	const header = 33 // magic and IHDR
	dirty := slices.Concat(plain[:header], chunk("tEXt", "Author\x00SECRET"), chunk("eXIf", "SECRET"), plain[header:], []byte("<script>SECRET"))
	got, err := Clean(dirty)
	if err != nil || got.Type != PNG || bytes.Contains(got.Data, []byte("SECRET")) {
		t.Fatalf("%q, %v", got.Data, err)
	}
	picture, err := png.Decode(bytes.NewReader(got.Data))
	if err != nil || picture.Bounds().Dx() != 20 || picture.Bounds().Dy() != 10 {
		t.Fatal(err)
	}
	if at := color.NRGBAModel.Convert(picture.At(10, 5)); at != (color.NRGBA{200, 100, 50, 128}) {
		t.Errorf("the pixel is %v", at)
	}
}

func TestCleanRefusesPNG(t *testing.T) {
	plain := pngOf(t, 20, 10)
	if _, err := Clean(pngOf(t, MaxPixels, MaxPixels)); err != nil {
		t.Errorf("the largest: %v", err)
	}
	for name, data := range map[string][]byte{
		"wide": pngOf(t, MaxPixels+1, 1), "high": pngOf(t, 1, MaxPixels+1), "cut": plain[:len(plain)-20], "only magic": []byte(pngMagic),
		// Says 30000 × 30000, which unpacked would be gigabytes.
		"bomb": slices.Concat(plain[:8], chunk("IHDR", "\x00\x00\x75\x30\x00\x00\x75\x30\x08\x06\x00\x00\x00"), plain[33:]),
	} {
		if _, err := Clean(data); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzClean checks that whatever passes holds nothing but what the lists allow, and passes unchanged again.
func FuzzClean(f *testing.F) {
	f.Add([]byte(head + `<text x="1">a&lt;<![CDATA[<script>]]></text><script>alert(1)</script><g onload="x" fill="url(#a)"/></svg>`))
	f.Add([]byte(`<x:svg xmlns:x="http://www.w3.org/2000/svg"><x:title>t</x:title><y:g xmlns:y="z"/></x:svg>`))
	f.Add([]byte(`<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>`))
	f.Add(pngOf(f, 3, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Clean(data)
		if err != nil {
			return
		}
		again, err := Clean(got.Data)
		if err != nil || got.Type == SVG && !bytes.Equal(got.Data, again.Data) || len(again.Dropped) != 0 {
			t.Fatalf("%q isn't clean: %q %v %v", got.Data, again.Data, again.Dropped, err)
		}
		if got.Type == PNG {
			return
		}
		decoder := xml.NewDecoder(bytes.NewReader(got.Data))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				if !elements[token.Name.Local] || token.Name.Space != svgNamespace {
					t.Fatalf("element %v in %q", token.Name, got.Data)
				}
				for _, attr := range token.Attr {
					if attr.Name.Local != "xmlns" && (!attributes[attr.Name.Local] || attr.Name.Space != "" || strings.ContainsAny(attr.Value, `:\<>"'&;`)) {
						t.Fatalf("attribute %v in %q", attr, got.Data)
					}
				}
			case xml.Directive, xml.ProcInst, xml.Comment:
				t.Fatalf("%T in %q", token, got.Data)
			}
		}
	})
}
