// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package files reads the files of an import. A file that another file includes, or a
// pattern in it, cannot make the import block or run for ever.
package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
)

// AtMost reads a file, but at most one byte more than manifest.MaxFileSize. No real
// configuration is larger.
func AtMost(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the user names the files to read
	if err != nil {
		return nil, withoutPath(err) // the caller names the file
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, manifest.MaxFileSize+1))
}

// Included reads a file that another file includes. It refuses pipes and devices,
// because reading one may block for ever. Only the user may name them.
func Included(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case !info.Mode().IsRegular() && !info.IsDir(): // reading a directory fails with a better reason
		return nil, errors.New("it is included, but is no regular file")
	}
	return AtMost(path)
}

func withoutPath(err error) error {
	if reason, ok := errors.AsType[*os.PathError](err); ok {
		return reason.Err
	}
	return err
}

// maxPattern is the maximum number of bytes of a pattern. Paths on Linux are not longer.
const maxPattern = 4096

// Glob returns the files that match a pattern, sorted, as filepath.Glob does. It pays for
// each name that it compares with the pattern.
func Glob(pattern string, left *budget.Budget) ([]string, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("it has more than %d bytes", maxPattern)
	}
	if err := left.Steps(patternSteps); err != nil {
		return nil, err
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, err
	}
	if !hasMeta(pattern) {
		if _, err := os.Lstat(pattern); err != nil {
			return nil, nil //nolint:nilerr // a file that is not there does not match
		}
		return []string{pattern}, nil
	}
	directory, name := filepath.Split(pattern)
	directories := []string{filepath.Clean(directory)}
	if hasMeta(directory) {
		var err error
		if directories, err = Glob(filepath.Clean(directory), left); err != nil {
			return nil, err
		}
	}
	var found []string
	for _, directory := range directories {
		names, err := matching(directory, name, left)
		if err != nil {
			return nil, err
		}
		found = append(found, names...)
	}
	return found, nil
}

// patternSteps is the number of steps that a pattern costs in addition to the names.
const patternSteps = 10

func hasMeta(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// matching returns the files of a directory whose names match a pattern. It returns none
// for a directory that cannot be read, or a path that is no directory.
func matching(directory, pattern string, left *budget.Budget) ([]string, error) {
	info, err := os.Stat(directory)
	if err != nil || !info.IsDir() {
		return nil, left.Steps(1)
	}
	opened, err := os.Open(directory) //nolint:gosec // the user's file names the files that it includes
	if err != nil {
		return nil, left.Steps(1)
	}
	defer opened.Close()
	var found []string
	for {
		names, err := opened.Readdirnames(1000)
		if spent := left.Steps(1 + len(names)*(1+len(pattern)/8)); spent != nil {
			return nil, spent
		}
		for _, name := range names {
			matched, err := filepath.Match(pattern, name)
			if err != nil {
				return nil, fmt.Errorf("match %s: %w", pattern, err)
			}
			if matched {
				found = append(found, filepath.Join(directory, name))
			}
		}
		if err != nil {
			slices.Sort(found)
			return found, nil
		}
	}
}
