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
	// DriverNone means that nobody asks how many jobs wait.
	DriverNone Driver = "None"
	// DriverRedis is Redis or a server that speaks its protocol.
	DriverRedis Driver = "Redis"
	// DriverDatabase is the jobs table in PostgreSQL, MySQL or MariaDB.
	DriverDatabase Driver = "Database"
	// DriverHTTP is an endpoint of the user's own that answers for any other backend.
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
	// name is the connection argument of `artisan queue:work`, a key of the
	// application's config/queue.php. Default: empty, the application's own default connection.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_][A-Za-z0-9_.:-]*$')",message="connection name must be a key of config/queue.php: letters, digits and the characters _ . : -, beginning with a letter, digit or _"
	Name string `json:"name,omitempty"`

	// driver is the kind of backend that holds the queues: Redis, Database, HTTP or
	// None (the default). With any but None a backlog probe runs for the QueueApp: one
	// small pod with the worker's env that asks the backend how many jobs wait.
	// Autoscaling needs it.
	// +optional
	// +kubebuilder:default=None
	Driver Driver `json:"driver,omitempty"`

	// retryAfter is the connection's retry_after in config/queue.php: after how long a
	// job that was taken and not finished is given out again, in whole seconds such as
	// 90s, from 1s to 48h. Default: 90s. It must be longer than any job may run.
	// +optional
	// +kubebuilder:default="90s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('48h')",message="retryAfter must be a duration in whole seconds such as 90s, from 1s to 48h"
	RetryAfter *metav1.Duration `json:"retryAfter,omitempty"`

	// variables say which of the worker container's environment variables stands for
	// a standard one, where the application uses names of its own:
	// {REDIS_PASSWORD: QUEUE_REDIS_PASSWORD}. Default: empty, the standard names. At most 30.
	// +optional
	// +kubebuilder:validation:MaxProperties=30
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 63 && k.matches('^[A-Z][A-Z0-9_]*$') && self[k].matches('^[A-Za-z_][A-Za-z0-9_]*$'))",message="variables must map names such as REDIS_PASSWORD to names of environment variables"
	Variables map[string]EnvironmentVariable `json:"variables,omitempty"`

	// redis says where the queues are in Redis, where the container's env does not.
	// +optional
	Redis *RedisBackend `json:"redis,omitempty"`

	// database says where the tables of jobs and of failed jobs are, where the container's
	// env does not. With a driver other than Database it is that of the failed jobs alone.
	// +optional
	Database *DatabaseBackend `json:"database,omitempty"`

	// http is the endpoint to ask.
	// +optional
	HTTP *HTTPBackend `json:"http,omitempty"`
}

// RedisBackend is where queues are in Redis. User and password always come from
// the container's env.
type RedisBackend struct {
	// host is the server's name or address, with tls:// in front for TLS, or the path of
	// a socket. Default: empty, from REDIS_URL or REDIS_HOST.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^((tls|tcp)://)?[][A-Za-z0-9_.:-]+$') || self.matches('^(unix://)?/[A-Za-z0-9_./-]+$')",message="host must be a name or an address, with tls:// in front for TLS, or the path of a socket"
	Host string `json:"host,omitempty"`

	// port is the server's TCP port. Default: 0, from REDIS_URL or REDIS_PORT, else 6379.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// database is the number of the Redis database. Default: absent, from REDIS_URL or
	// REDIS_DB, else 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Database *int32 `json:"database,omitempty"`

	// prefix is what the application puts in front of every key. Default: absent, from
	// REDIS_PREFIX, else made from APP_NAME as Laravel does. Empty means none.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Prefix *string `json:"prefix,omitempty"`

	// insecureSkipVerify accepts any certificate of a TLS server. Default: false.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// DatabaseBackend is where the jobs table is. User and password always come from
// the container's env.
type DatabaseBackend struct {
	// kind is PostgreSQL or MySQL (which includes MariaDB). Default: absent, from
	// DB_CONNECTION or DB_URL.
	// +optional
	Kind DatabaseKind `json:"kind,omitempty"`

	// host is the server's name or address. Default: empty, from DB_URL or DB_HOST.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[][A-Za-z0-9_.:/-]+$')",message="host must be a name, an address, or the path of a socket"
	Host string `json:"host,omitempty"`

	// port is the server's TCP port. Default: 0, from DB_URL or DB_PORT, else the kind's own.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// name is the name of the database. Default: empty, from DB_URL or DB_DATABASE.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// schema is the PostgreSQL schema of the tables. Default: empty, from DB_SCHEMA,
	// else the server's own search path.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Schema string `json:"schema,omitempty"`

	// table is the full name of the table with the jobs, prefix included. Default:
	// empty, from DB_QUEUE_TABLE, else jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Table string `json:"table,omitempty"`

	// failedTable is the full name of the table with failed jobs, prefix included.
	// Default: empty, failed_jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	FailedTable string `json:"failedTable,omitempty"`
}

// HTTPBackend is an endpoint that says how many jobs wait.
type HTTPBackend struct {
	// url is the http or https address to ask, in this namespace or anywhere the
	// pods of the QueueApp may reach.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '' || isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",message="url must be an http or https address such as http://queue-depth:8080/backlog"
	URL string `json:"url"`

	// insecureSkipVerify accepts any certificate. Default: false.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}
