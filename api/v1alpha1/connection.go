// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Driver is the kind of backend that holds an application's queues.
//
// +kubebuilder:validation:Enum=None;Redis;Database;HTTP
type Driver string

const (
	// DriverNone means that the backlog is not measured.
	DriverNone Driver = "None"
	// DriverRedis is Redis or a server that speaks its protocol.
	DriverRedis Driver = "Redis"
	// DriverDatabase is the jobs table in PostgreSQL, MySQL or MariaDB.
	DriverDatabase Driver = "Database"
	// DriverHTTP is an HTTP endpoint that the user provides, for any other backend.
	DriverHTTP Driver = "HTTP"
)

// DatabaseKind is the kind of an SQL server.
//
// +kubebuilder:validation:Enum=PostgreSQL;MySQL
type DatabaseKind string

const (
	// DatabasePostgreSQL is PostgreSQL.
	DatabasePostgreSQL DatabaseKind = "PostgreSQL"
	// DatabaseMySQL is MySQL or MariaDB.
	DatabaseMySQL DatabaseKind = "MySQL"
)

// EnvironmentVariable is the name of an environment variable.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type EnvironmentVariable string

// Connection is one of the application's queue connections.
//
// +kubebuilder:validation:XValidation:rule="self.driver == 'HTTP' ? has(self.http) : !has(self.http)",message="http must be set when driver is HTTP, and only then",fieldPath=".http"
// +kubebuilder:validation:XValidation:rule="self.driver == 'Redis' || !has(self.redis)",message="redis may only be set when driver is Redis",fieldPath=".redis"
// +kubebuilder:validation:XValidation:rule="self.driver != 'None' || !has(self.database)",message="database may not be set when driver is None: nobody reads it then",fieldPath=".database"
type Connection struct {
	// name is the connection argument of `artisan queue:work`, which is a key of the
	// application's config/queue.php. Default: empty, the application's own default
	// connection.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_][A-Za-z0-9_.:-]*$')",message="connection name must be a key of config/queue.php: letters, digits and the characters _ . : -, beginning with a letter, digit or _"
	Name string `json:"name,omitempty"`

	// driver is the kind of backend that holds the queues: Redis, Database, HTTP or None.
	// Default: None. With every other driver the operator runs a backlog probe for the
	// QueueApp: a small pod, with the worker's env, that asks the backend how many jobs
	// wait. Autoscaling needs it.
	// +optional
	// +kubebuilder:default=None
	Driver Driver `json:"driver,omitempty"`

	// retryAfter is the connection's retry_after in config/queue.php: the time after which
	// the queue gives out an unfinished job again, in whole seconds such as 90s, from 1s to
	// 48h. Default: 90s. It must be longer than any job may run.
	// +optional
	// +kubebuilder:default="90s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('48h')",message="retryAfter must be a duration in whole seconds such as 90s, from 1s to 48h"
	RetryAfter *metav1.Duration `json:"retryAfter,omitempty"`

	// variables map standard names of environment variables to the names that the
	// application uses in the worker container, such as {REDIS_PASSWORD:
	// QUEUE_REDIS_PASSWORD}. Default: empty, the standard names. At most 30.
	// +optional
	// +kubebuilder:validation:MaxProperties=30
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 63 && k.matches('^[A-Z][A-Z0-9_]*$') && self[k].matches('^[A-Za-z_][A-Za-z0-9_]*$'))",message="variables must map names such as REDIS_PASSWORD to names of environment variables"
	Variables map[string]EnvironmentVariable `json:"variables,omitempty"`

	// redis locates the queues in Redis if the container's env does not.
	// +optional
	Redis *RedisBackend `json:"redis,omitempty"`

	// database locates the tables of jobs and failed jobs, if the container's env does not.
	// With any other driver than Database it locates only the failed jobs.
	// +optional
	Database *DatabaseBackend `json:"database,omitempty"`

	// http is the endpoint to ask.
	// +optional
	HTTP *HTTPBackend `json:"http,omitempty"`
}

// RedisBackend locates queues in Redis. User and password always come from the
// container's env.
type RedisBackend struct {
	// host is the server's name or address, with tls:// in front for TLS, or the path of a
	// socket. Default: empty, taken from REDIS_URL or REDIS_HOST.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^((tls|tcp)://)?[][A-Za-z0-9_.:-]+$') || self.matches('^(unix://)?/[A-Za-z0-9_./-]+$')",message="host must be a name or an address, with tls:// in front for TLS, or the path of a socket"
	Host string `json:"host,omitempty"`

	// port is the server's TCP port. Default: 0, taken from REDIS_URL or REDIS_PORT, or else
	// 6379.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// database is the number of the Redis database. Default: absent, taken from REDIS_URL or
	// REDIS_DB, or else 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Database *int32 `json:"database,omitempty"`

	// prefix is the text that the application puts in front of every key. Default: absent,
	// taken from REDIS_PREFIX, or else made from APP_NAME as Laravel does. Empty means no
	// prefix.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Prefix *string `json:"prefix,omitempty"`

	// insecureSkipVerify accepts any certificate from a TLS server. Default: false.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// DatabaseBackend locates the jobs table. User and password always come from the
// container's env.
type DatabaseBackend struct {
	// kind is PostgreSQL or MySQL (also MariaDB). Default: absent, taken from DB_URL,
	// DB_QUEUE_CONNECTION or DB_CONNECTION.
	// +optional
	Kind DatabaseKind `json:"kind,omitempty"`

	// host is the server's name, address or socket path. Default: empty, from DB_URL or
	// DB_HOST.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[][A-Za-z0-9_.:/-]+$')",message="host must be a name, an address, or the path of a socket"
	Host string `json:"host,omitempty"`

	// port is the server's TCP port. Default: 0, taken from DB_URL or DB_PORT, or else the
	// kind's own.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// name is the name of the database. Default: empty, taken from DB_URL or DB_DATABASE.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// schema is the PostgreSQL schema of the tables. Default: empty, taken from DB_SCHEMA,
	// or else the server's search path.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Schema string `json:"schema,omitempty"`

	// table is the full name of the jobs table, including any prefix. Default: empty, taken
	// from DB_QUEUE_TABLE, or else jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Table string `json:"table,omitempty"`

	// failedTable is the full name of the table of failed jobs, including any prefix.
	// Default: empty, failed_jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	FailedTable string `json:"failedTable,omitempty"`
}

// HTTPBackend is an endpoint that reports how many jobs wait.
type HTTPBackend struct {
	// url is the http or https address to ask, such as http://queue-depth:8080/backlog. The
	// QueueApp's pods must be able to reach it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '' || isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",message="url must be an http or https address such as http://queue-depth:8080/backlog"
	URL string `json:"url"`

	// insecureSkipVerify accepts any certificate. Default: false.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}
