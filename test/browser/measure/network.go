package main

import "github.com/chromedp/cdproto/network"

// The phone that Chromium plays.
const (
	viewWidth, viewHeight = 360, 740
	cpuSlowdown           = 4 // a cheap phone beside the machine that measures
)

// The networks that Chromium plays: round trip, and bits per second down and up.
const (
	slow3GRoundTripMS = 400
	slow3GBits        = 400_000

	twoGRoundTripMS = 800
	twoGBits        = 150_000

	byteBits = 8

	// unplayedRoundTrips are those of DNS, TCP and TLS 1.3: Chromium delays answers, not connections.
	unplayedRoundTrips = 3
)

// profile is one network.
type profile struct {
	Name          string `json:"name"`
	RoundTripMS   int64  `json:"round_trip_ms,omitzero"`   // 0 and
	BitsPerSecond int64  `json:"bits_per_second,omitzero"` // 0: loopback as it is

	conditions *network.Conditions // nil: loopback as it is
}

var profiles = []profile{
	{Name: "loopback"},
	{
		Name: "slow 3G", RoundTripMS: slow3GRoundTripMS, BitsPerSecond: slow3GBits,
		conditions: &network.Conditions{Latency: slow3GRoundTripMS, DownloadThroughput: slow3GBits / byteBits, UploadThroughput: slow3GBits / byteBits},
	},
	{
		Name: "2G", RoundTripMS: twoGRoundTripMS, BitsPerSecond: twoGBits,
		conditions: &network.Conditions{Latency: twoGRoundTripMS, DownloadThroughput: twoGBits / byteBits, UploadThroughput: twoGBits / byteBits},
	},
}
