// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package telemetry holds what agents and backlog probes have reported, as decisions read
// it, and reads the reports' documents. The collector fetches them.
package telemetry
