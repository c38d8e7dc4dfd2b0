// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// pack makes a tar.gz of files in a directory.
func pack(directory string, at time.Time, files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := archive.WriteHeader(&tar.Header{Name: directory + "/" + name, Mode: 0o600, Size: int64(len(files[name])), ModTime: at}); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// asObjects converts Deployments to unstructured objects.
func asObjects(deployments []appsv1.Deployment) []unstructured.Unstructured {
	objects := make([]unstructured.Unstructured, 0, len(deployments))
	for i := range deployments {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&deployments[i])
		if err != nil {
			continue // an object that came from the cluster converts
		}
		object := unstructured.Unstructured{Object: fields}
		object.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
		objects = append(objects, object)
	}
	return objects
}
