// Package docs keeps the documents true: what they name exists, what exists is named, and the examples they show are the
// files that package examples runs. It consists of tests only.
package docs
