// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"net/url"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// Environment is the environment of a container.
type Environment struct {
	variables map[string]string
	renamed   map[string]string
}

// NewEnvironment returns an Environment of variables. renamed maps the name of a standard
// variable to the variable that replaces it.
func NewEnvironment(variables, renamed map[string]string) Environment {
	return Environment{variables: variables, renamed: renamed}
}

// Name returns the name of the variable that replaces the standard one, for messages.
func (e Environment) Name(standard string) string {
	if name := e.renamed[standard]; name != "" {
		return name
	}
	return standard
}

// Lookup returns the value of the variable that replaces the standard one, and whether it
// is set. It reads the value as Laravel's env() does: null and empty are keywords, and
// quotes around the whole value are not part of it.
func (e Environment) Lookup(standard string) (string, bool) {
	value, found := e.variables[e.Name(standard)]
	switch strings.ToLower(value) {
	case "null", "(null)", "empty", "(empty)":
		return "", found
	}
	if last := len(value) - 1; last > 0 && value[0] == value[last] && (value[0] == '"' || value[0] == '\'') {
		value = value[1:last]
	}
	return value, found
}

// Get returns the value that Lookup returns; empty if the variable is not set.
func (e Environment) Get(standard string) string {
	value, _ := e.Lookup(standard)
	return value
}

// secrets returns the values of the given standard variables that are set, all of which
// hold secrets.
func (e Environment) secrets(standard ...string) backlog.Secrets {
	var secrets backlog.Secrets
	for _, name := range standard {
		if value := e.Get(name); value != "" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// address parses the first of the standard variables that is set, as a URL.
func (e Environment) address(standard ...string) (*url.URL, error) {
	for _, name := range standard {
		value := e.Get(name)
		if value == "" {
			continue
		}
		parsed, err := url.Parse(value)
		if err != nil || parsed.Scheme == "" {
			return nil, misconfigured("The environment variable %s is no URL: write it as scheme://user:password@host:port/database, with special characters in the password as %%XX.", e.Name(name))
		}
		return parsed, nil
	}
	return &url.URL{}, nil
}

// number parses the first text that is not empty as a number from 0 to limit. It returns
// missing if all texts are empty.
func number(what string, limit int, missing int, texts ...string) (int, error) {
	for _, text := range texts {
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < 0 || value > limit {
			return 0, misconfigured("The %s is not a number from 0 to %d: correct the environment variable it comes from.", what, limit)
		}
		return value, nil
	}
	return missing, nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// isURL reports whether a host contains what only a URL has. Such a host may hold a
// password, and hosts are shown.
func isURL(host string) bool { return strings.Contains(host, "@") || strings.Contains(host, "://") }

func decimal(number int32) string {
	if number == 0 {
		return ""
	}
	return strconv.Itoa(int(number))
}

// password returns the password in a URL.
func password(address *url.URL) string {
	text, _ := address.User.Password()
	return text
}

func misconfigured(format string, arguments ...any) error {
	return backlog.Errorf(protocol.BacklogMisconfigured, format, arguments...)
}
