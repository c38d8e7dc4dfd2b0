// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import "k8s.io/apimachinery/pkg/api/resource"

const mebibyte = int64(1) << 20

func bytesQuantity(n int64) resource.Quantity {
	return *resource.NewQuantity(n, resource.BinarySI)
}

func milliCPU(n int64) *resource.Quantity {
	return resource.NewMilliQuantity(n, resource.DecimalSI)
}
