// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// Database describes where the jobs table is.
type Database struct {
	Kind protocol.DatabaseKind
	// Network is tcp or unix. Host is a name, an address or the path of a socket
	// (PostgreSQL: of the socket's directory). Port is the TCP port.
	Network, Host string
	Port          int
	// Name is the name of the database.
	Name               string
	Username, Password string
	// SSLMode is PostgreSQL's sslmode.
	SSLMode string
	// CertificateFile holds the authorities that may sign the server's certificate. If it
	// is set, the connection to MySQL uses TLS, as in PHP.
	CertificateFile string
	// Table and FailedTable may have a schema and a dot in front.
	Table, FailedTable string
	// RetryAfter is the time after which a reserved job is given out again.
	RetryAfter time.Duration
	// Secrets are the texts that must not be shown.
	Secrets backlog.Secrets
}

const defaultRetryAfter = 90 * time.Second

// NewDatabase returns where the jobs table is.
func NewDatabase(config protocol.ProbeConfig, environment Environment) (Database, error) {
	explicit := protocol.DatabaseBackend{}
	if config.Database != nil {
		explicit = *config.Database
	}
	address, err := environment.address("DB_URL", "DATABASE_URL")
	if err != nil {
		return Database{}, err
	}
	s := Database{
		Name:     first(explicit.Name, strings.Trim(address.Path, "/"), environment.Get("DB_DATABASE")),
		Username: first(address.User.Username(), environment.Get("DB_USERNAME")),
		Password: first(password(address), environment.Get("DB_PASSWORD")),
		Secrets:  environment.secrets("DB_URL", "DATABASE_URL", "DB_PASSWORD"),
		SSLMode:  first(address.Query().Get("sslmode"), environment.Get("DB_SSLMODE"), "prefer"),
	}
	if s.Password != "" {
		s.Secrets = append(s.Secrets, s.Password)
	}
	if s.RetryAfter = time.Duration(config.RetryAfterSeconds) * time.Second; s.RetryAfter <= 0 {
		s.RetryAfter = defaultRetryAfter
	}
	if s.Kind, err = kind(explicit, address, environment); err != nil {
		return Database{}, err
	}
	s.CertificateFile = environment.Get(servers[s.Kind].certificate)
	if parameter := servers[s.Kind].certificateInURL; parameter != "" {
		s.CertificateFile = first(address.Query().Get(parameter), s.CertificateFile)
	}
	s.nameTables(explicit, environment)
	if err := s.locate(explicit, address, environment); err != nil {
		return Database{}, err
	}
	return s, s.check(environment)
}

func (s *Database) nameTables(explicit protocol.DatabaseBackend, environment Environment) {
	s.Table = first(explicit.Table, environment.Get("DB_QUEUE_TABLE"), "jobs")
	s.FailedTable = first(explicit.FailedTable, "failed_jobs")
	schema := first(explicit.Schema, environment.Get("DB_SCHEMA"))
	if !servers[s.Kind].schemas || schema == "" {
		return
	}
	for _, table := range []*string{&s.Table, &s.FailedTable} {
		if !strings.Contains(*table, ".") {
			*table = schema + "." + *table
		}
	}
}

// serverFacts says what Laravel reads for a kind of servers.
type serverFacts struct {
	// port is the usual TCP port.
	port int
	// schemas is set if a table is in a schema, sslMode if DB_SSLMODE is read, and socket if
	// DB_SOCKET is.
	schemas, sslMode, socket bool
	// certificate is the variable with the file of authorities, and certificateInURL the
	// parameter of the URL that comes before it; empty if there is none.
	certificate, certificateInURL string
}

var servers = map[protocol.DatabaseKind]serverFacts{
	protocol.DatabasePostgreSQL: {port: 5432, schemas: true, sslMode: true, certificate: "DB_SSLROOTCERT", certificateInURL: "sslrootcert"},
	protocol.DatabaseMySQL:      {port: 3306, socket: true, certificate: "MYSQL_ATTR_SSL_CA"},
}

// kinds are keyed by Laravel's names of database connections and by URL schemes.
var kinds = map[string]protocol.DatabaseKind{
	"pgsql": protocol.DatabasePostgreSQL, "postgres": protocol.DatabasePostgreSQL, "postgresql": protocol.DatabasePostgreSQL,
	"mysql": protocol.DatabaseMySQL, "mysql2": protocol.DatabaseMySQL, "mariadb": protocol.DatabaseMySQL,
}

// kind returns the kind of the server. DB_QUEUE_CONNECTION, which names a separate
// database connection for the queue, comes before DB_CONNECTION, the default connection.
func kind(explicit protocol.DatabaseBackend, address *url.URL, environment Environment) (protocol.DatabaseKind, error) {
	if _, known := servers[explicit.Kind]; known {
		return explicit.Kind, nil
	}
	if explicit.Kind != "" {
		return "", misconfigured("connection.database.kind of the QueueApp is neither PostgreSQL nor MySQL.")
	}
	for _, name := range []string{address.Scheme, environment.Get("DB_QUEUE_CONNECTION"), environment.Get("DB_CONNECTION")} {
		if found, known := kinds[strings.ToLower(name)]; known {
			return found, nil
		}
	}
	if strings.HasPrefix(environment.Get("DB_CONNECTION"), "sqlite") {
		return "", misconfigured("The jobs are in an SQLite file inside a worker's pod, which the probe cannot read: use a database server, Redis, or the driver HTTP.")
	}
	return "", misconfigured("It is not known whether the jobs are in PostgreSQL or MySQL: set %s to pgsql, mysql or mariadb in the env of the worker container, or connection.database.kind of the QueueApp.",
		environment.Name("DB_CONNECTION"))
}

// locate sets the address of the server.
func (s *Database) locate(explicit protocol.DatabaseBackend, address *url.URL, environment Environment) error {
	s.Host = first(explicit.Host, address.Hostname(), environment.Get("DB_HOST"))
	port, source := address.Port(), environment.Name("DB_HOST")
	if explicit.Host != "" {
		port, source = "", "connection.database.host of the QueueApp"
	}
	if socket := environment.Get("DB_SOCKET"); socket != "" && servers[s.Kind].socket && explicit.Host == "" && address.Host == "" {
		s.Host, source = socket, environment.Name("DB_SOCKET")
	}
	if isURL(s.Host) {
		return misconfigured("%s is no host: write a name, an address or the path of a socket alone; user and password belong in %s and %s.",
			source, environment.Name("DB_USERNAME"), environment.Name("DB_PASSWORD"))
	}
	if name, own, err := net.SplitHostPort(s.Host); err == nil {
		s.Host, port = name, own
	}
	s.Network, s.Host = "tcp", strings.Trim(s.Host, "[]")
	if strings.HasPrefix(s.Host, "/") {
		s.Network = "unix"
	}
	var err error
	s.Port, err = number("port of the database", 65535, servers[s.Kind].port, decimal(explicit.Port), port, environment.Get("DB_PORT"))
	return err
}

// check returns an error if a setting is missing or invalid.
func (s *Database) check(environment Environment) error {
	switch {
	case s.Host == "":
		return misconfigured("It is not known where the database is: set %s or %s in the env of the worker container, or connection.database.host of the QueueApp.",
			environment.Name("DB_HOST"), environment.Name("DB_URL"))
	case s.Name == "":
		return misconfigured("It is not known which database the jobs are in: set %s in the env of the worker container, or connection.database.name of the QueueApp.",
			environment.Name("DB_DATABASE"))
	case s.Username == "":
		return misconfigured("It is not known which user reads the jobs: set %s in the env of the worker container.", environment.Name("DB_USERNAME"))
	case servers[s.Kind].sslMode && !sslModes[s.SSLMode]:
		return misconfigured("%s is none of disable, allow, prefer, require, verify-ca and verify-full.", environment.Name("DB_SSLMODE"))
	}
	return nil
}

var sslModes = map[string]bool{"disable": true, "allow": true, "prefer": true, "require": true, "verify-ca": true, "verify-full": true}

// Address returns the server's address for messages.
func (s *Database) Address() string {
	if s.Network == "unix" {
		return s.Host
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}
