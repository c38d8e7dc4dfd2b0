// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

// refusal says what is wrong with an answer of an agent or a probe that is not taken.
type refusal string

func (r refusal) Error() string { return string(r) }
