// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// HTTP is an endpoint that says how deep queues are.
type HTTP struct {
	// URL is asked. What of it may be shown is Shown: neither user nor query.
	URL, Shown string
	// Token is sent as a bearer token; empty sends none.
	Token              string
	InsecureSkipVerify bool
	// Secrets are what may not be told.
	Secrets backlog.Secrets
}

// NewHTTP finds the endpoint: ProbeConfig.HTTP.URL, and the variable BACKLOG_TOKEN
// for the token it wants.
func NewHTTP(config protocol.ProbeConfig, environment Environment) (HTTP, error) {
	if config.HTTP == nil || config.HTTP.URL == "" {
		return HTTP{}, misconfigured("It is not known whom to ask: set connection.http.url of the QueueApp.")
	}
	address, err := url.Parse(config.HTTP.URL)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return HTTP{}, misconfigured("connection.http.url of the QueueApp is no http or https address: write one such as http://queue-depth:8080/backlog.")
	}
	s := HTTP{
		URL: config.HTTP.URL, Shown: (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String(),
		Token: environment.Get("BACKLOG_TOKEN"), InsecureSkipVerify: config.HTTP.InsecureSkipVerify,
		Secrets: environment.secrets("BACKLOG_TOKEN"),
	}
	if strings.ContainsAny(s.Token, "\r\n") {
		return HTTP{}, misconfigured("The environment variable %s holds a line break and cannot be sent as a token.", environment.Name("BACKLOG_TOKEN"))
	}
	for _, secret := range append(values(address.Query()), password(address), address.RawQuery) {
		if secret != "" {
			s.Secrets = append(s.Secrets, secret)
		}
	}
	return s, nil
}

// values are what a query holds, any of which may be a key.
func values(query url.Values) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		all = append(all, query[name]...)
	}
	return all
}
