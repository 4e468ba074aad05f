// Package powerloss is a file system that forgets what a disk would forget when its power is cut. It is mounted by FUSE over a
// folder and passes everything through to it, so that reading needs no care; beside that it remembers, for everything that nobody
// has synced yet, what was there before. A power loss puts any part of that back.
//
// What counts as safe is what ext4, xfs and btrfs give: fsync or fdatasync of a file makes its bytes and its name safe, fsync of a
// folder makes its entries safe, and names are changed on the disk in the order in which they were changed (a journal). Bytes have
// no order at all: of each page there may be left what was synced, what is there now, or something that was there in between, and a
// page that was being written may be torn at any sector.
package powerloss
