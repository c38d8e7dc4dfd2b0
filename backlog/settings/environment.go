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

// Environment is a container's environment.
type Environment struct {
	variables map[string]string
	renamed   map[string]string
}

// NewEnvironment returns the environment of variables, in which renamed says which
// one stands for a standard one.
func NewEnvironment(variables, renamed map[string]string) Environment {
	return Environment{variables: variables, renamed: renamed}
}

// Name is the variable that stands for the standard one, for messages.
func (e Environment) Name(standard string) string {
	if name := e.renamed[standard]; name != "" {
		return name
	}
	return standard
}

// Lookup returns the variable that stands for the standard one, and whether it is
// set, as Laravel's env() understands it: null and empty are words, and quotes
// around the whole are not part of it.
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

// Get returns the variable that stands for the standard one; empty if it is not set.
func (e Environment) Get(standard string) string {
	value, _ := e.Lookup(standard)
	return value
}

// secrets are the values of those of the standard variables that are set, which
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

// address reads the first of the standard variables that holds a URL.
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

// number returns the first text that says something, as a number from 0 to limit;
// missing if none does.
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

// first returns the first text that says something.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// isURL tells whether a host has what only a URL has: it may hold a password then,
// and hosts are shown.
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
