// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scraping serves the operator's metrics: it bounds the connections, decides
// who may read, and proves to the scraper that it is talking to the operator.
//
// controller-runtime's own filter answers 500 to a token that the API server does not
// know, asks about the same wrong token again at every request, and logs a stack trace
// each time. Any pod that reaches the port can load the API server that way.
package scraping
