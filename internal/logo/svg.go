package logo

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Limits of an SVG.
const (
	maxElements = 2000
	maxDepth    = 32
)

const svgNamespace = "http://www.w3.org/2000/svg"

// elements are those that draw by themselves. Whatever runs, embeds, refers or styles (script, style, foreignObject,
// image, use, a, gradients and filters, which work by url()) isn't among them.
var elements = setOf("svg g path rect circle ellipse line polyline polygon text tspan title")

// attributes are those that place and paint. None of them takes an address, and values are checked besides.
var attributes = setOf(`viewBox width height preserveAspectRatio x y x1 y1 x2 y2 cx cy r rx ry dx dy d points pathLength transform
	fill fill-opacity fill-rule clip-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit
	stroke-dasharray stroke-dashoffset opacity color display visibility vector-effect paint-order shape-rendering
	font-family font-size font-style font-weight letter-spacing text-anchor dominant-baseline textLength lengthAdjust`)

// withText are the elements whose text is kept.
var withText = setOf("text tspan title")

// value is what an attribute may hold: no colon, backslash, quote or bracket that begins an address or an escape.
var value = regexp.MustCompile(`^[a-zA-Z0-9 \t\n#.,()%+-]*$`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// svg is one SVG on its way from what was read to what is written.
type svg struct {
	in      *xml.Decoder
	out     bytes.Buffer
	open    []string // elements that are written and not closed
	count   int
	done    bool // the root is closed
	dropped map[string]bool
}

// cleanSVG writes an SVG anew from its parse. What isn't allowed is left out, with all that is inside it.
func cleanSVG(data []byte) (Logo, error) {
	s := &svg{in: xml.NewDecoder(bytes.NewReader(data)), dropped: map[string]bool{}}
	for {
		token, err := s.in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Logo{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if err := s.token(token); err != nil {
			return Logo{}, err
		}
	}
	if !s.done {
		return Logo{}, fmt.Errorf("%w: it has no svg element", ErrFormat)
	}
	return Logo{Data: s.out.Bytes(), Type: SVG, Dropped: slices.Sorted(maps.Keys(s.dropped))}, nil
}

func (s *svg) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return s.start(t)
	case xml.EndElement: // of an element that was written: Skip took the others'
		name := s.open[len(s.open)-1]
		s.open = s.open[:len(s.open)-1]
		s.out.WriteString("</" + name + ">")
		s.done = len(s.open) == 0
	case xml.CharData:
		if len(s.open) > 0 && withText[s.open[len(s.open)-1]] {
			return xml.EscapeText(&s.out, t)
		}
	case xml.Directive: // DOCTYPE, and with it entities
		return fmt.Errorf("%w: an SVG with a DOCTYPE or entities isn't taken", ErrFormat)
	case xml.ProcInst:
		if t.Target != "xml" {
			s.dropped["?"+clip(t.Target)] = true
		}
	}
	return nil
}

func (s *svg) start(t xml.StartElement) error {
	if s.count++; s.count > maxElements {
		return fmt.Errorf("%w: more than %d elements", ErrTooLarge, maxElements)
	}
	name, root := t.Name.Local, len(s.open) == 0
	if s.done || root && (name != "svg" || t.Name.Space != svgNamespace && t.Name.Space != "") {
		return fmt.Errorf("%w: it isn't one svg element", ErrFormat)
	}
	if len(s.open) == maxDepth {
		return fmt.Errorf("%w: elements nest deeper than %d", ErrTooLarge, maxDepth)
	}
	// An svg inside could draw over the page's own edge of the logo.
	if !elements[name] || t.Name.Space != svgNamespace && t.Name.Space != "" || name == "svg" && !root {
		s.dropped[clip(name)] = true
		if err := s.skip(); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return nil
	}
	s.out.WriteString("<" + name)
	if root {
		s.out.WriteString(` xmlns="` + svgNamespace + `"`)
	}
	for _, attr := range t.Attr {
		if attr.Name.Space == "xmlns" || attr.Name.Space == "" && attr.Name.Local == "xmlns" {
			continue // names of namespaces draw nothing
		}
		if attr.Name.Space != "" || !attributes[attr.Name.Local] || !value.MatchString(attr.Value) ||
			strings.Contains(strings.ToLower(attr.Value), "url") {
			s.dropped["@"+clip(attr.Name.Local)] = true
			continue
		}
		s.out.WriteString(" " + attr.Name.Local + `="`)
		if err := xml.EscapeText(&s.out, []byte(attr.Value)); err != nil {
			return err
		}
		s.out.WriteString(`"`)
	}
	s.out.WriteString(">")
	s.open = append(s.open, name)
	return nil
}

// skip reads to the end of the element whose start was read. A DOCTYPE can't hide in it: encoding/xml's own Skip would
// pass it over.
func (s *svg) skip() error {
	for depth := 1; depth > 0; {
		token, err := s.in.Token()
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return errors.New("an SVG with a DOCTYPE or entities isn't taken")
		}
	}
	return nil
}

// maxWord bounds the names in Dropped, in bytes.
const maxWord = 40

// clip makes a name from outside fit to be printed.
func clip(name string) string {
	if len(name) > maxWord {
		name = name[:maxWord]
	}
	return strings.ToValidUTF8(name, "")
}
