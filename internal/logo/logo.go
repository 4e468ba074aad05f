// Package logo makes a merchant's uploaded logo safe to show: a PNG is drawn anew, an SVG is written anew from the few
// elements and attributes that draw. Nothing of the uploaded bytes survives as it was. It is pure.
package logo

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
)

// Limits of a logo.
const (
	// MaxBytes bounds a logo as uploaded, and as kept.
	MaxBytes = 64 << 10
	// MaxPixels bounds width and height of a PNG.
	MaxPixels = 1024
)

// Media types of a Logo.
const (
	PNG = "image/png"
	SVG = "image/svg+xml"
)

// Logo is an image that is safe to show.
type Logo struct {
	Data []byte
	Type string // PNG or SVG
	// Dropped names what an SVG had and may not have, sorted, each once: "script", "@onload".
	Dropped []string
}

// Errors of Clean; each is wrapped with what was wrong.
var (
	ErrTooLarge = errors.New("the logo is too large")
	ErrFormat   = errors.New("the logo must be a PNG or an SVG")
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// Clean reads a logo and makes it anew.
func Clean(data []byte) (Logo, error) {
	if len(data) > MaxBytes {
		return Logo{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(data), MaxBytes)
	}
	clean := cleanSVG
	if bytes.HasPrefix(data, []byte(pngMagic)) {
		clean = cleanPNG
	}
	logo, err := clean(data)
	if err != nil {
		return Logo{}, err
	}
	if len(logo.Data) > MaxBytes {
		return Logo{}, fmt.Errorf("%w: written anew it has %d bytes, at most %d are allowed", ErrTooLarge, len(logo.Data), MaxBytes)
	}
	return logo, nil
}

// cleanPNG draws a PNG anew: text, time, profile, animation and whatever follows the image are gone.
func cleanPNG(data []byte) (Logo, error) {
	// The size is known before anything is unpacked.
	size, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Logo{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if size.Width > MaxPixels || size.Height > MaxPixels {
		return Logo{}, fmt.Errorf("%w: %d × %d pixels, at most %d × %d are allowed", ErrTooLarge, size.Width, size.Height, MaxPixels, MaxPixels)
	}
	image, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return Logo{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, image); err != nil {
		return Logo{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return Logo{Data: out.Bytes(), Type: PNG}, nil
}
