// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// HTTP describes an endpoint that reports how many jobs wait.
type HTTP struct {
	// URL is the address to ask. Shown is its scheme and host, the part that may be
	// shown: paths may hold tokens, as users and queries may.
	URL, Shown string
	// Token is the bearer token; if it is empty, none is sent.
	Token              string
	InsecureSkipVerify bool
	// Secrets are the texts that must not be shown.
	Secrets backlog.Secrets
}

// NewHTTP returns the endpoint of ProbeConfig.HTTP.URL, with the token of the variable
// BACKLOG_TOKEN.
func NewHTTP(config protocol.ProbeConfig, environment Environment) (HTTP, error) {
	if config.HTTP == nil || config.HTTP.URL == "" {
		return HTTP{}, misconfigured("The address of the endpoint is not set: set connection.http.url of the QueueApp.")
	}
	address, err := url.Parse(config.HTTP.URL)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return HTTP{}, misconfigured("connection.http.url of the QueueApp is no http or https address: write one such as http://queue-depth:8080/backlog.")
	}
	s := HTTP{
		URL: config.HTTP.URL, Shown: (&url.URL{Scheme: address.Scheme, Host: address.Host}).String(),
		Token: environment.Get("BACKLOG_TOKEN"), InsecureSkipVerify: config.HTTP.InsecureSkipVerify,
		Secrets: environment.secrets("BACKLOG_TOKEN"),
	}
	if strings.ContainsAny(s.Token, "\r\n") {
		return HTTP{}, misconfigured("The environment variable %s holds a line break and cannot be sent as a token.", environment.Name("BACKLOG_TOKEN"))
	}
	for _, secret := range slices.Concat(values(address.Query()), []string{password(address), address.RawQuery}, parts(address)) {
		if secret != "" {
			s.Secrets = append(s.Secrets, secret)
		}
	}
	return s, nil
}

// shortestPart is the length in bytes from which a part of an address may be a token. A
// shorter part, such as v1 in a path, occurs in too many texts to be removed.
const shortestPart = 4

// parts returns the user and the path of an address, and the path's segments, because an
// error of the HTTP client may quote any of them.
func parts(address *url.URL) []string {
	all := []string{address.User.Username(), address.EscapedPath(), address.Path}
	all = append(all, strings.Split(address.Path, "/")...)
	all = slices.DeleteFunc(all, func(part string) bool { return len(part) < shortestPart })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// values returns the values of a query, any of which may be a key.
func values(query url.Values) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		all = append(all, query[name]...)
	}
	return all
}
