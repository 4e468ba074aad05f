// Package galla is the wire protocol of Galla as Go types: what a merchant sends, what the server answers, the
// postbacks and their signatures, payment links, a client, and a receiver of postbacks.
//
// The server is built on the same types, so this package can't drift from what it speaks. docs/protocol.md is the
// description for people; section numbers in comments here refer to it.
package galla
