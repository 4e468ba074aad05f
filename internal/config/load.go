package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// delimiter parts nested keys in koanf. Ours aren't nested: a key with one is
// unknown.
const delimiter = "."

// maxDatabaseFile bounds what is read of database_file, in bytes.
const maxDatabaseFile = 4 << 10

// layer is one source of settings. name turns a key into what the source calls
// it, for errors.
type layer struct {
	values *koanf.Koanf
	name   func(key string) string
}

// Load reads the settings: a flag that was given wins over the environment
// ("NAME=value" texts, as os.Environ has them), the environment over the YAML
// file, the file over the defaults. An empty variable counts as not set. path
// is the YAML file; when it is "", --config and then GALLA_CONFIG name it, and
// none is fine. flags may be nil. An unknown setting is an error.
func Load(flags *pflag.FlagSet, environ []string, path string) (Config, error) {
	if path == "" {
		path = filePath(flags, environ)
	}
	layers := []layer{defaults()}
	for _, read := range []func() (layer, error){
		func() (layer, error) { return readFile(path) },
		func() (layer, error) { return readEnvironment(environ) },
		func() (layer, error) { return readFlags(flags) },
	} {
		l, err := read()
		if err != nil {
			return Config{}, err
		}
		layers = append(layers, l)
	}

	text, from := values{}, map[string]int{}
	for rank, l := range layers {
		for _, key := range l.values.Keys() {
			if _, ok := find(key); !ok {
				return Config{}, fmt.Errorf("%s is not a setting%s", l.name(key), suggest(key, l.name))
			}
			value, err := textOf(l.values.Get(key))
			if err != nil {
				return Config{}, fmt.Errorf("%s: %w", l.name(key), err)
			}
			text[key], from[key] = value, rank
		}
	}
	nameOf := func(key string) string { return layers[from[key]].name(key) }
	if err := readDatabaseFile(text, from, nameOf); err != nil {
		return Config{}, err
	}
	c, err := text.check()
	return c, named(err, nameOf)
}

func defaults() layer {
	fixed := map[string]any{}
	for _, o := range options {
		fixed[o.key] = o.value
	}
	k := koanf.New(delimiter)
	k.Load(confmap.Provider(fixed, delimiter), nil) // only parsers fail
	return layer{values: k, name: func(key string) string { return key }}
}

func filePath(flags *pflag.FlagSet, environ []string) string {
	if flags != nil {
		if f := flags.Lookup(fileFlag); f != nil && f.Changed {
			return f.Value.String()
		}
	}
	for _, entry := range slices.Backward(environ) {
		if path, ok := strings.CutPrefix(entry, fileVariable+"="); ok {
			return path
		}
	}
	return ""
}

func readFile(path string) (layer, error) {
	l := layer{values: koanf.New(delimiter), name: func(key string) string { return path + ": " + key }}
	if path == "" {
		return l, nil
	}
	if err := l.values.Load(file.Provider(path), yaml.Parser()); err != nil {
		return l, fmt.Errorf("config file %s: %w", path, err)
	}
	// "listen:" without a value is a line that waits to be filled in.
	for _, key := range l.values.Keys() {
		if l.values.Get(key) == nil {
			l.values.Delete(key)
		}
	}
	return l, nil
}

func readEnvironment(environ []string) (layer, error) {
	l := layer{values: koanf.New(delimiter), name: func(key string) string { return prefix + strings.ToUpper(key) }}
	provider := env.Provider(delimiter, env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if value == "" || slices.Contains(otherVariables, name) || ofKubernetes(name) {
				return "", nil
			}
			return strings.ToLower(strings.TrimPrefix(name, prefix)), value
		},
	})
	return l, l.values.Load(provider, nil)
}

// ofKubernetes tells whether name is one of the variables that Kubernetes puts
// into every container beside a service called galla.
func ofKubernetes(name string) bool {
	return strings.HasPrefix(name, "GALLA_SERVICE_") || name == "GALLA_PORT" || strings.HasPrefix(name, "GALLA_PORT_")
}

func readFlags(flags *pflag.FlagSet) (layer, error) {
	l := layer{values: koanf.New(delimiter), name: func(key string) string { return "--" + strings.ReplaceAll(key, "_", "-") }}
	if flags == nil {
		return l, nil
	}
	provider := posflag.ProviderWithFlag(flags, delimiter, nil, func(f *pflag.Flag) (string, any) {
		key := strings.ReplaceAll(f.Name, "-", "_")
		if o, ok := find(key); !ok || o.flag() != f.Name {
			return "", nil // a flag of the command itself
		}
		return key, f.Value.String()
	})
	return l, l.values.Load(provider, nil)
}

// textOf takes text and lists of text. Numbers are refused because YAML reads
// 0123 as 83.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return "", errors.New("every item of the list must be text: put it in quotes")
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("must be text: put the value in quotes")
}

// readDatabaseFile puts the content of database_file in the place of database,
// unless a source that wins names the database itself.
func readDatabaseFile(text values, from map[string]int, nameOf func(string) string) error {
	path := text["database_file"]
	switch {
	case path == "" || from["database"] > from["database_file"]:
		return nil
	case from["database"] == from["database_file"]:
		return fmt.Errorf("%s and %s exclude each other", nameOf("database"), nameOf("database_file"))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", nameOf("database_file"), err)
	}
	if len(content) > maxDatabaseFile {
		return fmt.Errorf("%s: %s is longer than %d bytes", nameOf("database_file"), path, maxDatabaseFile)
	}
	text["database"], from["database"] = strings.TrimSpace(string(content)), from["database_file"]
	return nil
}

// named gives each wrong setting the name that its source knows it by.
func named(err error, nameOf func(string) string) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		if setting, ok := errors.AsType[*settingError](one); ok {
			one = fmt.Errorf("%s: %w", nameOf(setting.key), setting.err)
		}
		errs = append(errs, one)
	}
	return errors.Join(errs...)
}
