// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const repository = "docker.io/queueworker/"

// An image is what goes into one archive.
type image struct {
	name, tag string
	layers    []v1.Layer
	config    v1.Config
}

func (i image) short() string { return i.name + ":" + i.tag }

// assemble stacks the layers under the configuration.
func (i image) assemble() (v1.Image, error) {
	stacked, err := mutate.AppendLayers(empty.Image, i.layers...)
	if err != nil {
		return nil, err
	}
	file, err := stacked.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Created = v1.Time{Time: epoch}
	file.Config = i.config
	return mutate.ConfigFile(stacked, file)
}

// write makes the archive under another name first, so that a killed run
// leaves no half of one.
func (i image) write(file string) error {
	reference, err := name.NewTag(repository + i.short())
	if err != nil {
		return err
	}
	assembled, err := i.assemble()
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(file+".partial", reference, assembled); err != nil {
		return err
	}
	return os.Rename(file+".partial", file)
}
