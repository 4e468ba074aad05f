// Package evidence turns what phones, statements and payment providers report into facts about one transfer.
//
// The way in is always the same: bytes are decoded into items (DecodeMessages, DecodeTransfers, package statement), an
// item of free text is read by a Reader, and the facts that several observers report about one reference are folded by
// Merge. Every function here is pure: no clock, no database, no network. Nothing an untrusted payer can write (a note, a
// name) may move an amount or a reference number; where that can't be told apart the item stays unparsed.
package evidence
