// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// mySQL is the dialect of MySQL and MariaDB.
type mySQL struct {
	mariaDB bool
}

func (m *mySQL) connector(s settings.Database, guard *backlog.Guard) (driver.Connector, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName = s.Network, s.Address(), s.Username, s.Password, s.Name
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 2*time.Second, 4*time.Second, 4*time.Second
	// Interpolation saves a round trip per query. The client quotes the arguments for the
	// character set of the connection.
	config.InterpolateParams = true
	config.Logger = &mysql.NopLogger{}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return guard.Watch(conn, &packets{guard: guard}), nil
	}
	if s.CertificateFile != "" {
		authorities, err := readAuthorities(s.CertificateFile)
		if err != nil {
			return nil, err
		}
		r := &relay{guard: guard, address: "the database at " + s.Address()}
		if config.TLS, r.local, err = localTLS(); err != nil {
			return nil, err
		}
		r.server = &tls.Config{RootCAs: authorities, ServerName: s.Host, MinVersion: tls.VersionTLS12}
		config.DialFunc = r.dial
	}
	return mysql.NewConnector(config)
}

func readAuthorities(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificates of MYSQL_ATTR_SSL_CA cannot be read: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content) {
		return nil, errors.New("the file of MYSQL_ATTR_SSL_CA holds no certificate")
	}
	return authorities, nil
}

func (m *mySQL) greet(ctx context.Context, db *sql.DB) (string, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return "", err
	}
	m.mariaDB = strings.Contains(version, "MariaDB")
	version, _, _ = strings.Cut(version, "-")
	if m.mariaDB {
		return "MariaDB " + version, nil
	}
	return "MySQL " + version, nil
}

func (m *mySQL) begin() string { return "" }

func (m *mySQL) timed(query string) string {
	if m.mariaDB {
		return fmt.Sprintf("SET STATEMENT max_statement_time=%s FOR %s",
			strconv.FormatFloat(statementTime.Seconds(), 'f', 3, 64), query)
	}
	return fmt.Sprintf("SELECT /*+ MAX_EXECUTION_TIME(%d) */%s", statementTime.Milliseconds(), strings.TrimPrefix(query, "SELECT"))
}

func (m *mySQL) refusal(err error) (code, text string, ok bool) {
	if refused, found := errors.AsType[*mysql.MySQLError](err); found {
		return strconv.Itoa(int(refused.Number)), refused.Message, true
	}
	return "", "", false
}

func (m *mySQL) quote(table string) string { return quoteName(table, "`") }
