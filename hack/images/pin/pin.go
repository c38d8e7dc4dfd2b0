// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// from matches a FROM line and captures what is before the image, its tag and its digest.
var from = regexp.MustCompile(`(?im)^(FROM\s+(?:--\S+\s+)*)([^\s@]+)(@sha256:[0-9a-f]{64})?([^\S\n]+AS[^\S\n]+(\S+))?[^\S\n]*$`)

// A base is an image on which a Dockerfile builds.
type base struct {
	start, end int // of reference and digest in the file
	reference  string
	digest     string
}

// bases returns the images of a Dockerfile that come from a registry, so neither the
// Dockerfile's own stages nor scratch.
func bases(dockerfile string) ([]base, error) {
	var out []base
	stages := map[string]bool{"scratch": true}
	for _, found := range from.FindAllStringSubmatchIndex(dockerfile, -1) {
		b := base{start: found[4], end: found[5], reference: dockerfile[found[4]:found[5]]}
		if found[6] >= 0 {
			b.end, b.digest = found[7], dockerfile[found[6]+1:found[7]]
		}
		known := stages[strings.ToLower(b.reference)]
		if found[10] >= 0 {
			stages[strings.ToLower(dockerfile[found[10]:found[11]])] = true
		}
		if !known {
			out = append(out, b)
		}
	}
	if want := strings.Count("\n"+strings.ToUpper(dockerfile), "\nFROM "); len(from.FindAllString(dockerfile, -1)) != want {
		return nil, fmt.Errorf("%d of %d FROM lines are understood", len(from.FindAllString(dockerfile, -1)), want)
	}
	return out, nil
}

// everyPinned returns an error if an image has no digest.
func everyPinned(dockerfile string) error {
	all, err := bases(dockerfile)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.digest == "" {
			return fmt.Errorf("%s has no digest; run hack/update-images.sh", b.reference)
		}
	}
	return nil
}

// pin gives each image the digest that ask returns, and returns the changes.
func pin(dockerfile string, ask func(reference string) (string, error)) (string, []string, error) {
	all, err := bases(dockerfile)
	if err != nil {
		return "", nil, err
	}
	var out strings.Builder
	var changes []string
	known, end := map[string]string{}, 0
	for _, b := range all {
		if known[b.reference] == "" {
			digest, err := ask(b.reference)
			if err != nil {
				return "", nil, fmt.Errorf("ask for the digest of %s: %w", b.reference, err)
			}
			known[b.reference] = digest
			if digest != b.digest {
				changes = append(changes, fmt.Sprintf("%s: %s -> %s", b.reference, orNone(b.digest), digest))
			}
		}
		out.WriteString(dockerfile[end:b.start] + b.reference + "@" + known[b.reference])
		end = b.end
	}
	out.WriteString(dockerfile[end:])
	return out.String(), changes, nil
}

func orNone(digest string) string {
	if digest == "" {
		return "no digest"
	}
	return digest
}

// digestOf asks the image's registry. For a multi-platform image it returns the digest of
// the index, which leads to the image of each platform.
func digestOf(ctx context.Context, reference string) (string, error) {
	tag, err := name.NewTag(reference)
	if err != nil {
		return "", err
	}
	descriptor, err := remote.Head(tag, remote.WithContext(ctx))
	if err != nil {
		return "", err
	}
	return descriptor.Digest.String(), nil
}
