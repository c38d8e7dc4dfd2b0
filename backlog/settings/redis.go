// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// Redis describes where the queues are in Redis.
type Redis struct {
	// Network is tcp or unix. Address is a host with its port or the path of a socket.
	Network, Address string
	// TLS reports whether to use TLS. ServerName is the name the certificate must be for.
	TLS                bool
	ServerName         string
	InsecureSkipVerify bool
	Username, Password string
	Database           int
	// Prefixes are what the application may put in front of its keys: a single prefix if
	// it is known, otherwise the prefixes that Laravel's versions derive from the
	// application's name.
	Prefixes []string
	// Secrets are the texts that must not be shown.
	Secrets backlog.Secrets
}

const defaultRedisPort = 6379

// NewRedis returns where the queues are in Redis.
func NewRedis(config protocol.ProbeConfig, environment Environment) (Redis, error) {
	explicit := protocol.RedisBackend{}
	if config.Redis != nil {
		explicit = *config.Redis
	}
	address, err := environment.address("REDIS_URL")
	if err != nil {
		return Redis{}, err
	}
	s := Redis{
		Username: first(address.User.Username(), environment.Get("REDIS_USERNAME")),
		Password: first(password(address), environment.Get("REDIS_PASSWORD")),
		Secrets:  environment.secrets("REDIS_URL", "REDIS_PASSWORD"),
		Prefixes: prefixes(explicit, environment), InsecureSkipVerify: explicit.InsecureSkipVerify,
	}
	if s.Password != "" {
		s.Secrets = append(s.Secrets, s.Password)
	}
	if s.Database, err = redisDatabase(explicit, address, environment); err != nil {
		return Redis{}, err
	}
	return s, s.locate(explicit, address, environment)
}

func redisDatabase(explicit protocol.RedisBackend, address *url.URL, environment Environment) (int, error) {
	if explicit.Database != nil {
		return int(*explicit.Database), nil
	}
	fromURL := strings.Trim(address.Path, "/")
	if address.Scheme == "unix" {
		fromURL = ""
	}
	return number("number of the Redis database", 65535, 0, fromURL, environment.Get("REDIS_DB"))
}

// locate sets the address of the server and whether to use TLS.
func (s *Redis) locate(explicit protocol.RedisBackend, address *url.URL, environment Environment) error {
	scheme, host := address.Scheme, address.Hostname()
	if scheme == "unix" {
		host = address.Path
	}
	port, source := address.Port(), environment.Name("REDIS_URL")
	if host == "" {
		source = environment.Name("REDIS_HOST")
		scheme, host = splitScheme(environment.Get("REDIS_HOST"))
		scheme = first(scheme, environment.Get("REDIS_SCHEME"))
	}
	if explicit.Host != "" {
		scheme, host = splitScheme(explicit.Host)
		port, source = "", "connection.redis.host of the QueueApp"
	}
	if isURL(host) {
		return misconfigured("%s is no host: write a name or an address alone, or with tls://, tcp:// or unix:// in front; user and password belong in %s and %s.",
			source, environment.Name("REDIS_USERNAME"), environment.Name("REDIS_PASSWORD"))
	}
	switch strings.ToLower(scheme) {
	case "", "tcp", "redis", "unix":
	case "tls", "rediss", "ssl":
		s.TLS = true
	default:
		return misconfigured("The scheme of the Redis server's address is none of tcp, redis, tls, rediss and unix: correct %s or %s, or set connection.redis.host of the QueueApp.",
			environment.Name("REDIS_URL"), environment.Name("REDIS_HOST"))
	}
	if strings.HasPrefix(host, "/") {
		s.Network, s.Address = "unix", host
		return nil
	}
	if host == "" {
		return misconfigured("It is not known where Redis is: set %s or %s in the env of the worker container, or connection.redis.host of the QueueApp.",
			environment.Name("REDIS_HOST"), environment.Name("REDIS_URL"))
	}
	// A port in the host wins over the variable, because the host is more specific.
	if name, own, err := net.SplitHostPort(host); err == nil {
		host, port = name, own
	}
	n, err := number("port of Redis", 65535, defaultRedisPort, decimal(explicit.Port), port, environment.Get("REDIS_PORT"))
	if err != nil {
		return err
	}
	s.Network, s.ServerName = "tcp", strings.Trim(host, "[]")
	s.Address = net.JoinHostPort(s.ServerName, strconv.Itoa(n))
	return nil
}

// splitScheme splits a text such as tls://host. It leaves a text with any other scheme
// unchanged, because that is a URL.
func splitScheme(host string) (scheme, rest string) {
	scheme, rest, found := strings.Cut(host, "://")
	switch strings.ToLower(scheme) {
	case "tls", "ssl", "tcp", "unix":
		if found {
			return scheme, rest
		}
	}
	return "", host
}

// prefixes returns the possible prefixes of the keys. If REDIS_PREFIX is not set, Laravel
// derives the prefix from APP_NAME, in a way that changed in June 2025. The environment
// does not show which way applies, so prefixes returns both, the newer first.
func prefixes(explicit protocol.RedisBackend, environment Environment) []string {
	if explicit.Prefix != nil {
		return []string{*explicit.Prefix}
	}
	if prefix, found := environment.Lookup("REDIS_PREFIX"); found {
		return []string{prefix}
	}
	name := "Laravel"
	if given, found := environment.Lookup("APP_NAME"); found {
		name = given
	}
	return []string{Slug(name, "-") + "-database-", Slug(name, "_") + "_database_"}
}
