// Command ifsctable makes the table of IFSC codes that comes with the binary. It downloads the npm package ifsc in the
// version that go:generate names, holds it to its checksum, and writes the table that galla itself would build of it.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/galla-gateway/galla/internal/ifsc"
)

func main() {
	version := flag.String("version", "", "version of the npm package ifsc")
	checksum := flag.String("sha256", "", "SHA-256 of the package, in hexadecimal digits")
	output := flag.String("output", "", "file to write the table to")
	file := flag.String("package", "", "the package, if it is downloaded already")
	flag.Parse()
	if err := run(*version, *checksum, *output, *file); err != nil {
		fmt.Fprintf(os.Stderr, "ifsctable: %v\n", err)
		os.Exit(1)
	}
}

func run(version, checksum, output, file string) error {
	if file == "" {
		folder, err := os.MkdirTemp("", "ifsctable")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if file, err = download(folder, version); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != checksum {
		return fmt.Errorf("%s has the SHA-256 %x, expected %s", file, sum, checksum)
	}
	table, err := ifsc.Build(bytes.NewReader(content), filepath.Base(file))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		return err
	}
	if err := os.WriteFile(output, out.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d banks, %d branches, %d bytes\n", table.Source(), table.Banks(), table.Branches(), out.Len())
	return nil
}

// download has npm put the package into the folder. It runs nothing of what it downloads.
func download(folder, version string) (string, error) {
	command := exec.Command("npm", "pack", "--ignore-scripts", "--pack-destination", folder, "ifsc@"+version)
	command.Dir, command.Stderr = folder, os.Stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("npm pack: %w", err)
	}
	return filepath.Join(folder, "ifsc-"+version+".tgz"), nil
}
