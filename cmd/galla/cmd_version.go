package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionDoc is what version prints.
type versionDoc struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from files that differ from the commit
	Time     string `json:"time"`     // of the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildVersion() versionDoc {
	doc := versionDoc{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return doc
	}
	doc.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			doc.Commit = s.Value
		case "vcs.time":
			doc.Time = s.Value
		case "vcs.modified":
			doc.Modified = s.Value == "true"
		}
	}
	return doc
}

func newVersion(a *app) *cobra.Command {
	return inGroup(groupHouse, a.verb("version", "Tell which galla this is", cobra.NoArgs, func(*cobra.Command, []string) error {
		doc := buildVersion()
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "galla %s (%s, %s)\n", doc.Version, doc.Go, doc.Platform)
		})
	}))
}

// shortHash is how many characters of a commit's hash name it to people.
const shortHash = 10

// shortCommit is the code that runs, for results: "" where the build doesn't know, with a + where files differ from the commit.
func shortCommit() string {
	v := buildVersion()
	commit := v.Commit[:min(len(v.Commit), shortHash)]
	if v.Modified {
		commit += "+"
	}
	return commit
}
