// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package importing tests the result of an import: the workers that operator and agent
// run for it, and the documentation's examples.
package importing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Objects reads the QueueApps and QueueWorkers of a text as strictly as the API server
// does: no field may be unknown, and no key may occur twice.
func Objects(printed []byte) (apps []*v1alpha1.QueueApp, workers []*v1alpha1.QueueWorker, err error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(printed)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return apps, workers, nil
		}
		if err != nil {
			return nil, nil, err
		}
		kind := metav1.TypeMeta{}
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, nil, fmt.Errorf("%w in\n%s", err, document)
		}
		var into any
		switch kind.Kind {
		case "QueueApp":
			apps = append(apps, &v1alpha1.QueueApp{})
			into = apps[len(apps)-1]
		case "QueueWorker":
			workers = append(workers, &v1alpha1.QueueWorker{})
			into = workers[len(workers)-1]
		case "": // only comments
			continue
		default:
			return nil, nil, fmt.Errorf("there is a %s", kind.Kind)
		}
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			return nil, nil, fmt.Errorf("%w in\n%s", err, document)
		}
	}
}
