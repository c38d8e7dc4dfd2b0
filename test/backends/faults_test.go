// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"net"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

// fault is a wrong setting, and what the probe must say about it.
type fault struct {
	config      protocol.ProbeConfig
	environment []string
	reason      protocol.BacklogError
	says        string
}

func (f fault) try(t *testing.T) {
	t.Helper()
	t.Parallel()
	p := startProbe(t, f.config, f.environment...)
	document := p.ask(t, "default")
	if document.Reason != f.reason || !strings.Contains(document.Message, f.says) {
		t.Errorf("%s: %s\nwant %s with %q", document.Reason, document.Message, f.reason, f.says)
	}
	if !strings.HasSuffix(document.Message, ".") {
		t.Errorf("%q is no sentence", document.Message)
	}
	t.Logf("%s: %s", document.Reason, document.Message)
}

func with(lines []string, more ...string) []string {
	return append(append([]string{}, lines...), more...)
}

func TestFaultsOfRedis(t *testing.T) {
	t.Parallel()
	server := theRedis(t)
	right := server.environment()
	admin := server.client(t, canary)
	for _, rule := range [][]any{
		{"ACL", "SETUSER", "noscripts", "on", ">" + canary, "~*", "+@read"},
		{"ACL", "SETUSER", "nokeys", "on", ">" + canary, "+@all", "~other*"},
	} {
		if err := admin.Do(t.Context(), rule...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	open := startRedis(t)
	authority := newAuthority(t)
	secure := startRedis(t, append(authority.redis(t, "localhost"), requirePassword())...)
	protected := startRedis(t, "bind "+outsideAddress(t), "protected-mode yes")
	driver := protocol.ProbeConfig{Driver: protocol.DriverRedis}
	explicit := func(b protocol.RedisBackend) protocol.ProbeConfig {
		return protocol.ProbeConfig{Driver: protocol.DriverRedis, Redis: &b}
	}
	for name, f := range map[string]fault{
		"no host at all":      {driver, nil, protocol.BacklogMisconfigured, "REDIS_HOST"},
		"a URL that is none":  {driver, []string{"REDIS_URL=redis://:" + canary + "@%zz"}, protocol.BacklogMisconfigured, "REDIS_URL is no URL"},
		"another scheme":      {driver, []string{"REDIS_URL=http://redis"}, protocol.BacklogMisconfigured, "scheme"},
		"a port that is none": {driver, with(right, "REDIS_PORT="+canary), protocol.BacklogMisconfigured, "port of Redis"},
		"a wrong password":    {driver, with(right, "REDIS_PASSWORD=Kanar1en-not"), protocol.BacklogDenied, "refused the user or the password"},
		"a wrong user":        {driver, with(right, "REDIS_USERNAME=nobody"), protocol.BacklogDenied, "refused the user or the password"},
		"no password":         {driver, with(right, "REDIS_PASSWORD=null"), protocol.BacklogDenied, "wants a password"},
		"a wrong host":        {driver, with(right, "REDIS_HOST=no-such-host.invalid"), protocol.BacklogUnreachable, "no-such-host.invalid"},
		"a wrong port":        {driver, with(right, "REDIS_PORT=1"), protocol.BacklogUnreachable, "connection refused"},
		"a wrong socket":      {driver, with(right, "REDIS_HOST=/no/such.sock"), protocol.BacklogUnreachable, "/no/such.sock"},
		"a wrong database":    {explicit(protocol.RedisBackend{Database: new(int32(77))}), right, protocol.BacklogNotFound, "no database of that number"},
		"no right to scripts": {driver, with(right, "REDIS_USERNAME=noscripts"), protocol.BacklogDenied, "does not let this user count jobs"},
		"protected mode": {
			driver, []string{"REDIS_HOST=" + outsideAddress(t), "REDIS_PORT=" + portOf(protected)},
			protocol.BacklogDenied, "protected mode",
		},
		"an unknown authority": {driver, with(right, "REDIS_HOST=tls://localhost", "REDIS_PORT="+portOf(secure)), protocol.BacklogUnreachable, "authority that is not known"},
		"a certificate for another name": {
			driver, with(right, "REDIS_HOST=tls://127.0.0.1", "REDIS_PORT="+portOf(secure), "SSL_CERT_FILE="+authority.file),
			protocol.BacklogUnreachable, "another name",
		},
		"TLS where there is none": {driver, with(right, "REDIS_HOST=tls://localhost"), protocol.BacklogUnreachable, "TLS"},
		"no TLS where it is":      {driver, with(right, "REDIS_PORT="+portOf(secure)), protocol.BacklogUnreachable, "TLS"},
		"a server of another sort": {
			driver, with(right, "REDIS_PORT="+portOfProbe(t)), protocol.BacklogUnreadable, "not understood",
		},
		"a host that swallows everything": {driver, with(right, "REDIS_PORT="+silentPort(t)), protocol.BacklogUnreachable, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) { f.try(t) })
	}
	for name, lines := range map[string][]string{
		"TLS with its authority":  with(right, "REDIS_HOST=tls://localhost", "REDIS_PORT="+portOf(secure), "SSL_CERT_FILE="+authority.file),
		"a needless password":     with(right, "REDIS_PORT="+portOf(open)),
		"TLS by a scheme":         with(right, "REDIS_SCHEME=tls", "REDIS_HOST=localhost", "REDIS_PORT="+portOf(secure), "SSL_CERT_FILE="+authority.file),
		"a socket":                with(right, "REDIS_HOST=unix://"+server.socket()),
		"a user that sees little": with(right, "REDIS_USERNAME=nokeys"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := startProbe(t, driver, lines...).ask(t, "default")
			if document.Reason != "" {
				t.Errorf("%s: %s", document.Reason, document.Message)
			}
			if name == "a user that sees little" && document.Queues[0].Reason != protocol.BacklogDenied {
				t.Errorf("the queue is told as %+v; want %s", document.Queues[0], protocol.BacklogDenied)
			}
			t.Log(document.Backend, document.Queues[0].Message)
		})
	}
	t.Run("any certificate when told so", func(t *testing.T) {
		t.Parallel()
		config := explicit(protocol.RedisBackend{Host: "tls://127.0.0.1", InsecureSkipVerify: true})
		if document := startProbe(t, config, with(right, "REDIS_PORT="+portOf(secure))...).ask(t, "default"); document.Reason != "" {
			t.Errorf("%s: %s", document.Reason, document.Message)
		}
	})
}

func TestAKeyOfAnotherTypeCostsItsOwnQueue(t *testing.T) {
	t.Parallel()
	server := theRedis(t)
	client := server.client(t, canary)
	if err := client.Set(t.Context(), "laravel_database_queues:not-a-list", "text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.RPush(t.Context(), "laravel_database_queues:beside-it", "{}").Err(); err != nil {
		t.Fatal(err)
	}
	document := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverRedis}, server.environment()...).ask(t, "not-a-list", "beside-it")
	if document.Reason != "" || document.Queues[0].Reason != protocol.BacklogUnreadable || document.Queues[1].Ready != 1 {
		t.Errorf("%+v", document)
	}
	t.Log(document.Queues[0].Message)
}

func TestFaultsOfSQLServers(t *testing.T) {
	t.Parallel()
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			right := server.environment()
			server.exec(t, "CREATE TABLE other (id INT)")
			if server.kind == protocol.DatabasePostgreSQL {
				server.exec(t, "ALTER TABLE other OWNER TO laravel", "CREATE TABLE closed (LIKE jobs)", "CREATE SCHEMA elsewhere AUTHORIZATION laravel")
			}
			table := func(name string) protocol.ProbeConfig {
				return protocol.ProbeConfig{Driver: protocol.DriverDatabase, Database: &protocol.DatabaseBackend{Table: name}}
			}
			faults := map[string]fault{
				"no host":          {table(""), with(right, "DB_HOST="), protocol.BacklogMisconfigured, "DB_HOST"},
				"no database":      {table(""), with(right, "DB_DATABASE="), protocol.BacklogMisconfigured, "DB_DATABASE"},
				"no user":          {table(""), with(right, "DB_USERNAME="), protocol.BacklogMisconfigured, "DB_USERNAME"},
				"an SQLite file":   {table(""), with(right, "DB_CONNECTION=sqlite"), protocol.BacklogMisconfigured, "SQLite"},
				"no kind":          {table(""), with(right, "DB_CONNECTION=oracle"), protocol.BacklogMisconfigured, "DB_CONNECTION"},
				"a wrong password": {table(""), with(right, "DB_PASSWORD=Kanar1en-not"), protocol.BacklogDenied, "refused the user or the password"},
				"a wrong user":     {table(""), with(right, "DB_USERNAME=nobody"), protocol.BacklogDenied, "refused the user or the password"},
				"a wrong host":     {table(""), with(right, "DB_HOST=no-such-host.invalid"), protocol.BacklogUnreachable, "no-such-host.invalid"},
				"a wrong port":     {table(""), with(right, "DB_PORT=1"), protocol.BacklogUnreachable, "connection refused"},
				"a silent server":  {table(""), with(right, "DB_PORT="+silentPort(t)), protocol.BacklogUnreachable, "no answer in time"},
				"an unknown table": {table("no_such\"table`"), right, protocol.BacklogNotFound, "has no table"},
				"another table":    {table("other"), right, protocol.BacklogUnreadable, "lacks columns"},
				"a wrong certificate": {
					table(""), with(right, "MYSQL_ATTR_SSL_CA=/no/such/file", "DB_SSLROOTCERT=/no/such/file", "DB_SSLMODE=verify-full"),
					protocol.BacklogMisconfigured, "no such file",
				},
			}
			unknown := fault{table(""), with(right, "DB_DATABASE=no_such_database"), protocol.BacklogNotFound, "has no database"}
			if server.kind == protocol.DatabasePostgreSQL {
				faults["no right to the table"] = fault{table("closed"), right, protocol.BacklogDenied, "grant it SELECT"}
				faults["an unknown schema"] = fault{table(""), with(right, "DB_SCHEMA=elsewhere"), protocol.BacklogNotFound, "has no table elsewhere.jobs"}
				faults["TLS where there is none"] = fault{table(""), with(right, "DB_SSLMODE=require"), protocol.BacklogUnreachable, "TLS"}
			} else {
				// MariaDB does not tell a user without rights what exists.
				unknown.reason, unknown.says = protocol.BacklogDenied, "no_such_database"
			}
			faults["an unknown database"] = unknown
			for name, f := range faults {
				t.Run(name, func(t *testing.T) { f.try(t) })
			}
		})
	}
}

// silentPort returns the port of a server that accepts connections and sends nothing.
func silentPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// portOfProbe returns the port of an HTTP server.
func portOfProbe(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(startProbe(t, protocol.ProbeConfig{}).address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// outsideAddress returns an address of this machine that is not a loopback address,
// because Redis in protected mode trusts the loopback.
func outsideAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address but the loopback's")
	return ""
}
