// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"queueworker.dev/queueworker/api/protocol"
)

func TestDatabase(t *testing.T) {
	postgres := func(change func(*Database)) Database {
		d := Database{
			Kind: protocol.DatabasePostgreSQL, Network: "tcp", Host: "db", Port: 5432, Name: "shop", Username: "me",
			SSLMode: "prefer", Table: "jobs", FailedTable: "failed_jobs", RetryAfter: 90 * time.Second,
		}
		if change != nil {
			change(&d)
		}
		return d
	}
	mysql := func(change func(*Database)) Database {
		return postgres(func(d *Database) {
			d.Kind, d.Port = protocol.DatabaseMySQL, 3306
			if change != nil {
				change(d)
			}
		})
	}
	base := func(kind string, more env) env {
		e := env{"DB_CONNECTION": kind, "DB_HOST": "db", "DB_DATABASE": "shop", "DB_USERNAME": "me"}
		maps.Copy(e, more)
		return e
	}
	for name, tc := range map[string]struct {
		env        env
		explicit   *protocol.DatabaseBackend
		retryAfter int64
		renamed    map[string]string
		want       Database
	}{
		"PostgreSQL": {env: base("pgsql", nil), want: postgres(nil)},
		"MySQL":      {env: base("mysql", nil), want: mysql(nil)},
		"MariaDB":    {env: base("mariadb", nil), want: mysql(nil)},
		"all of PostgreSQL": {
			env: base("pgsql", env{
				"DB_PORT": "5433", "DB_PASSWORD": canary, "DB_SCHEMA": "app", "DB_SSLMODE": "verify-full",
				"DB_SSLROOTCERT": "/ca.pem", "DB_QUEUE_TABLE": "queue_jobs",
			}), retryAfter: 30,
			want: postgres(func(d *Database) {
				d.Port, d.Password, d.Table, d.FailedTable = 5433, canary, "app.queue_jobs", "app.failed_jobs"
				d.SSLMode, d.CertificateFile, d.RetryAfter = "verify-full", "/ca.pem", 30*time.Second
			}),
		},
		"all of MySQL": {
			env:  base("mysql", env{"DB_PORT": "3307", "MYSQL_ATTR_SSL_CA": "/ca.pem", "DB_SCHEMA": "not for MySQL"}),
			want: mysql(func(d *Database) { d.Port, d.CertificateFile = 3307, "/ca.pem" }),
		},
		"a socket of MySQL": {
			env:  base("mysql", env{"DB_SOCKET": "/run/mysqld.sock"}),
			want: mysql(func(d *Database) { d.Network, d.Host = "unix", "/run/mysqld.sock" }),
		},
		"a URL wins over variables": {
			env: base("mysql", env{"DB_URL": "postgres://you:pass%2Fword@url:5555/other?sslmode=require", "DB_PASSWORD": "not"}),
			want: postgres(func(d *Database) {
				d.Host, d.Port, d.Name, d.Username, d.Password, d.SSLMode = "url", 5555, "other", "you", "pass/word", "require"
			}),
		},
		"the older name of the URL": {
			env: env{"DATABASE_URL": "mysql://me@db/shop"}, want: mysql(nil),
		},
		"a connection of the queue's own": {
			env: base("sqlite", env{"DB_QUEUE_CONNECTION": "pgsql"}), want: postgres(nil),
		},
		"explicit fields win": {
			env: base("mysql", env{"DB_URL": "mysql://you:pass@url:1/other"}),
			explicit: &protocol.DatabaseBackend{
				Kind: protocol.DatabasePostgreSQL, Host: "explicit", Port: 6000, Name: "mine", Schema: "s", Table: "t", FailedTable: "x.f",
			},
			want: postgres(func(d *Database) {
				d.Host, d.Port, d.Name, d.Username, d.Password, d.Table, d.FailedTable = "explicit", 6000, "mine", "you", "pass", "s.t", "x.f"
			}),
		},
		"other names": {
			env: base("pgsql", env{"QUEUE_DB_PASSWORD": "secret"}), renamed: map[string]string{"DB_PASSWORD": "QUEUE_DB_PASSWORD"},
			want: postgres(func(d *Database) { d.Password = "secret" }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := protocol.ProbeConfig{Database: tc.explicit, RetryAfterSeconds: tc.retryAfter}
			got, err := NewDatabase(config, NewEnvironment(tc.env, tc.renamed))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(Database{}, "Secrets")); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDatabaseSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		env      env
		explicit protocol.DatabaseBackend
		want     string
	}{
		"nothing is set":     {env{}, protocol.DatabaseBackend{}, "set DB_CONNECTION"},
		"SQLite":             {env{"DB_CONNECTION": "sqlite"}, protocol.DatabaseBackend{}, "SQLite"},
		"a kind of its own":  {env{}, protocol.DatabaseBackend{Kind: "Oracle"}, "connection.database.kind"},
		"no host":            {env{"DB_CONNECTION": "pgsql", "DB_DATABASE": "a", "DB_USERNAME": "b"}, protocol.DatabaseBackend{}, "set DB_HOST"},
		"no database":        {env{"DB_CONNECTION": "pgsql", "DB_HOST": "a", "DB_USERNAME": "b"}, protocol.DatabaseBackend{}, "set DB_DATABASE"},
		"no user":            {env{"DB_CONNECTION": "pgsql", "DB_HOST": "a", "DB_DATABASE": "b"}, protocol.DatabaseBackend{}, "set DB_USERNAME"},
		"a URL that is none": {env{"DB_URL": "pgsql://me:" + canary + "zz@host"}, protocol.DatabaseBackend{}, "DB_URL is no URL"},
		"a port in words":    {env{"DB_CONNECTION": "pgsql", "DB_HOST": "a", "DB_PORT": canary}, protocol.DatabaseBackend{}, "port of the database"},
		"a URL in the host": {
			env{"DB_CONNECTION": "pgsql", "DB_HOST": "pgsql://me:Kanar1en@host:5432/shop", "DB_DATABASE": "b", "DB_USERNAME": "c"},
			protocol.DatabaseBackend{}, "DB_HOST is no host",
		},
		"a scheme in the host": {
			env{"DB_CONNECTION": "mysql", "DB_HOST": "tcp://Kanar1en", "DB_DATABASE": "b", "DB_USERNAME": "c"},
			protocol.DatabaseBackend{}, "DB_HOST is no host",
		},
		"a password in a socket": {
			env{"DB_CONNECTION": "mysql", "DB_HOST": "a", "DB_SOCKET": "me:Kanar1en@host", "DB_DATABASE": "b", "DB_USERNAME": "c"},
			protocol.DatabaseBackend{}, "DB_SOCKET is no host",
		},
		"a password in the QueueApp's host": {
			env{"DB_CONNECTION": "pgsql", "DB_DATABASE": "b", "DB_USERNAME": "c"},
			protocol.DatabaseBackend{Host: "me:Kanar1en@host"}, "connection.database.host of the QueueApp is no host",
		},
		"an sslmode of its own": {
			env{"DB_CONNECTION": "pgsql", "DB_HOST": "a", "DB_DATABASE": "b", "DB_USERNAME": "c", "DB_SSLMODE": canary},
			protocol.DatabaseBackend{}, "DB_SSLMODE is none of",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewDatabase(protocol.ProbeConfig{Database: &tc.explicit}, NewEnvironment(tc.env, nil))
			checkProblem(t, err, tc.want)
		})
	}
}

func TestHTTP(t *testing.T) {
	config := protocol.ProbeConfig{HTTP: &protocol.HTTPBackend{URL: "https://me.too:" + "secret" + "@depth:8443/v1/T0KEN/a?key=hidden&n=2", InsecureSkipVerify: true}}
	got, err := NewHTTP(config, NewEnvironment(env{"TOKEN": "bearer"}, map[string]string{"BACKLOG_TOKEN": "TOKEN"}))
	if err != nil {
		t.Fatal(err)
	}
	want := HTTP{URL: config.HTTP.URL, Shown: "https://depth:8443", Token: "bearer", InsecureSkipVerify: true,
		Secrets: []string{"bearer", "hidden", "2", "secret", "key=hidden&n=2", "/v1/T0KEN/a", "me.too", "T0KEN"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for _, address := range []string{"", "depth", "ftp://depth", "http://", "http://%zz" + canary} {
		_, err := NewHTTP(protocol.ProbeConfig{HTTP: &protocol.HTTPBackend{URL: address}}, NewEnvironment(nil, nil))
		checkProblem(t, err, "connection.http.url")
	}
	_, err = NewHTTP(protocol.ProbeConfig{}, NewEnvironment(nil, nil))
	checkProblem(t, err, "connection.http.url")
	_, err = NewHTTP(config, NewEnvironment(env{"BACKLOG_TOKEN": "Kanar1en\n"}, nil))
	checkProblem(t, err, "line break")
}
