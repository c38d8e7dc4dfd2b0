// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

func (w workshop) demo(tag string) ([]image, error) { return nil, errors.New(tag) }
