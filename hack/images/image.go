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

// An image is the content of one archive.
type image struct {
	name, tag string
	layers    []v1.Layer
	config    v1.Config
}

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

// write writes all images to one archive, which holds shared layers once. The archive has
// another name until it is complete, so that a killed run leaves no partial archive.
func write(file string, images []image) error {
	references := make(map[name.Tag]v1.Image, len(images))
	for _, i := range images {
		reference, err := name.NewTag(repository + i.name + ":" + i.tag)
		if err != nil {
			return err
		}
		if references[reference], err = i.assemble(); err != nil {
			return err
		}
	}
	if err := tarball.MultiWriteToFile(file+".partial", references); err != nil {
		return err
	}
	return os.Rename(file+".partial", file)
}
