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

// HTTP is an endpoint that says how deep queues are.
type HTTP struct {
	// URL is asked. Shown is the part of it that may be shown, which is scheme and host:
	// tokens stand in paths as well as in users and queries.
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

// shortestPart is how long a part of an address is, in bytes, that can be a token. A
// shorter one, such as the v1 of a path, stands in too many texts to be taken out.
const shortestPart = 4

// parts are the user and the path of an address, and the path's segments: an error of
// the HTTP client may quote any of them.
func parts(address *url.URL) []string {
	all := []string{address.User.Username(), address.EscapedPath(), address.Path}
	all = append(all, strings.Split(address.Path, "/")...)
	all = slices.DeleteFunc(all, func(part string) bool { return len(part) < shortestPart })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// values are what a query holds, any of which may be a key.
func values(query url.Values) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		all = append(all, query[name]...)
	}
	return all
}
