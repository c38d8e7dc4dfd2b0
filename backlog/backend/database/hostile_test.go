// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// server starts a server that passes each connection to serve. It returns the server's
// port.
func server(t *testing.T, serve func(conn net.Conn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go serve(conn)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// drip writes a text over and over, byte by byte with pauses, until the client hangs up.
func drip(conn net.Conn, text string) {
	for i := 0; ; i++ {
		if _, err := io.WriteString(conn, text[i%len(text):i%len(text)+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// packet returns a MySQL packet.
func packet(number byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), number}) + body
}

const (
	okay = "\x00\x00\x00\x02\x00\x00\x00"
	// more is an OK that announces another result.
	more = "\x00\x00\x00\x0a\x00\x00\x00"
)

// mySQLServer starts a server that greets, accepts every login, and calls answer for each
// command.
func mySQLServer(t *testing.T, answer func(conn net.Conn)) settings.Database {
	return mySQLSettings(server(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, packet(0, greeting("\x01\xa2")))
		if readPacket(conn) == nil {
			serveCommands(conn, 2, answer)
		}
	}))
}

// secureMySQLServer is a mySQLServer that speaks TLS, with a certificate that the
// settings trust.
func secureMySQLServer(t *testing.T, answer func(conn net.Conn)) settings.Database {
	_, config, err := localTLS()
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates[0], err = certificateFor(net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := mySQLSettings(server(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, packet(0, greeting("\x01\xaa")))
		if readPacket(conn) != nil {
			return
		}
		if secure := tls.Server(conn, config); readPacket(secure) == nil {
			serveCommands(secure, 3, answer)
		}
	}))
	s.CertificateFile = filepath.Join(t.TempDir(), "ca.pem")
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})
	if err := os.WriteFile(s.CertificateFile, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func certificateFor(address net.IP) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{address}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}, err
}

func mySQLSettings(port int) settings.Database {
	return settings.Database{Kind: protocol.DatabaseMySQL, Network: "tcp", Host: "127.0.0.1", Port: port, Name: "app", Username: "app", Table: "jobs", FailedTable: "failed_jobs"}
}

// greeting returns the first packet of a MySQL server. capabilities are the lower two
// bytes of its capabilities.
func greeting(capabilities string) string {
	return "\x0a8.0.0\x00\x01\x00\x00\x00abcdefgh\x00" + capabilities + "\x2d\x02\x00" + "\x08\x01" + "\x15" +
		strings.Repeat("\x00", 10) + "ijklmnopqrst\x00mysql_native_password\x00"
}

func readPacket(conn net.Conn) error {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(head[0])+int64(head[1])<<8)
	return err
}

// serveCommands ends the login with a packet of this number, and then calls answer for
// each command.
func serveCommands(conn net.Conn, number byte, answer func(conn net.Conn)) {
	_, _ = io.WriteString(conn, packet(number, okay))
	for readPacket(conn) == nil {
		answer(conn)
	}
}

// message returns a PostgreSQL message.
func message(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))) + body
}

// postgreSQLServer starts a server that accepts every login, and calls answer for each
// query.
func postgreSQLServer(t *testing.T, answer func(conn net.Conn)) settings.Database {
	port := server(t, func(conn net.Conn) {
		head := make([]byte, 4)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-4)
		_, _ = io.WriteString(conn, message('R', "\x00\x00\x00\x00")+message('Z', "I"))
		for query := make([]byte, 64<<10); ; {
			if _, err := conn.Read(query); err != nil {
				return
			}
			answer(conn)
		}
	})
	return settings.Database{Kind: protocol.DatabasePostgreSQL, Network: "tcp", Host: "127.0.0.1", Port: port, Name: "app", Username: "app", SSLMode: "disable", Table: "jobs", FailedTable: "failed_jobs"}
}

// patience is the time limit of a measurement that must end for another reason.
const patience = time.Minute

// measureOnce reads a table, and its columns, each with a time limit. It returns the two
// errors, and the bytes that both allocated.
func measureOnce(t *testing.T, s settings.Database, limit time.Duration) (measured, listed *backlog.Error, allocated uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	measured = ask(t, s, limit, func(ctx context.Context, server *Server) error {
		return server.Read(ctx, []Query{{SQL: "SELECT 1"}}, func(*sql.Rows) error { return nil })
	})
	listed = ask(t, s, limit, func(ctx context.Context, server *Server) error {
		_, err := server.Columns(ctx, s.FailedTable)
		return err
	})
	runtime.ReadMemStats(&after)
	return measured, listed, after.TotalAlloc - before.TotalAlloc
}

// ask greets a server and then asks it a question, as a layout does, and returns why that
// failed.
func ask(t *testing.T, s settings.Database, limit time.Duration, question func(context.Context, *Server) error) *backlog.Error {
	t.Helper()
	server, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ctx = server.Begin(ctx, 1)
	if _, err = server.Greet(ctx, time.Now()); err == nil {
		err = question(ctx, server)
	}
	if err == nil {
		t.Fatal("the server's answers were accepted")
	}
	return asError(t, server.Explain(err, Table{Name: s.Table}))
}

func asError(t *testing.T, err error) *backlog.Error {
	t.Helper()
	problem, ok := errors.AsType[*backlog.Error](err)
	if !ok {
		t.Fatalf("an error of another kind: %v", err)
	}
	return problem
}

// hostileAnswer is a server's answer to each command, and a part of the error that it
// must cause.
type hostileAnswer struct {
	server func(t *testing.T, answer func(conn net.Conn)) settings.Database
	answer func(conn net.Conn)
	want   string
}

func hostileAnswers() map[string]hostileAnswer {
	send := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	huge := "\xfe\x00\x00\x00\x80\x00\x00\x00\x00"
	endless := func(text string) func(net.Conn) { return func(conn net.Conn) { drip(conn, text) } }
	columns := packet(1, "\x01") + packet(2, "\x03def\x00\x00\x00\x01v\x00\x0c\x2d\x00\x10\x00\x00\x00\xfd\x00\x00\x00\x00\x00")
	var rows strings.Builder
	for i := range 1 << 20 {
		rows.WriteString(packet(byte(3+i), "\x038.0"))
	}
	row := rows.String()[:8]
	return map[string]hostileAnswer{
		"MySQL, a result of 2^31 columns":       {mySQLServer, send(packet(1, huge)), "2147483648 columns"},
		"MySQL, the same after another result":  {mySQLServer, send(packet(1, more) + packet(2, huge)), "2147483648 columns"},
		"MySQL, a result of 16 million columns": {mySQLServer, send(packet(1, "\xfd\xff\xff\xff")), "16777215 columns"},
		"MySQL, more columns than any slice":    {mySQLServer, send(packet(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f")), "columns"},
		"MySQL by TLS, 2^31 columns":            {secureMySQLServer, send(packet(1, huge)), "2147483648 columns"},
		"MySQL by TLS, a packet of 16 MiB":      {secureMySQLServer, send("\xff\xff\xff\x01"), "a packet of more than"},
		"MySQL by TLS, rows without end":        {secureMySQLServer, send(columns + rows.String()), "more bytes"},
		"MySQL by TLS, a drip without end":      {secureMySQLServer, endless(columns + rows.String()), "in time"},
		"MySQL, a packet of 16 MiB":             {mySQLServer, send("\xff\xff\xff\x01"), "a packet of more than"},
		"MySQL, rows without end":               {mySQLServer, send(columns + rows.String()), "more bytes"},
		"MySQL, a drip without end":             {mySQLServer, endless(columns + rows.String()), "in time"},
		"MySQL, a drip after the first row": {mySQLServer, func(conn net.Conn) {
			_, _ = io.WriteString(conn, columns+row)
			drip(conn, rows.String()[len(row):])
		}, "in time"},
		"MySQL, an error of one byte":           {mySQLServer, send(packet(1, "\xff")), ""},
		"PostgreSQL, a message of 1 GiB":        {postgreSQLServer, send("D\x3f\xff\xff\xff"), "a message of 1073741823 bytes"},
		"PostgreSQL, a negative message":        {postgreSQLServer, send("D\xff\xff\xff\xff"), "a message of -1 bytes"},
		"PostgreSQL, notices without end":       {postgreSQLServer, send(strings.Repeat(message('N', "Ma\x00\x00"), 1<<20)), "more bytes"},
		"PostgreSQL, notifications without end": {postgreSQLServer, send(strings.Repeat(message('A', "\x00\x00\x00\x01a\x00b\x00"), 1<<19)), "more bytes"},
		"PostgreSQL, settings without end":      {postgreSQLServer, send(strings.Repeat(message('S', "a\x00b\x00"), 1<<19)), "about its settings"},
		"PostgreSQL, a drip without end":        {postgreSQLServer, endless(message('N', "Ma\x00\x00")), "in time"},
	}
}

// TestAnAnswerCostsOneMeasurement sends answers that are too large for a client, or that
// never end.
func TestAnAnswerCostsOneMeasurement(t *testing.T) {
	for name, tc := range hostileAnswers() {
		t.Run(name, func(t *testing.T) {
			s := tc.server(t, tc.answer)
			defer func() {
				if fault := recover(); fault != nil && tc.want != "" {
					t.Errorf("a panic: %v", fault) // which the probe recovers from
				}
			}()
			limit := patience
			if tc.want == "in time" {
				limit = 500 * time.Millisecond
			}
			measured, listed, allocated := measureOnce(t, s, limit)
			for _, problem := range []*backlog.Error{measured, listed} {
				if !strings.Contains(problem.Message, tc.want) {
					t.Errorf("%+v; want %q", problem, tc.want)
				}
			}
			if allocated > 80<<20 { // the probe's limit is 96 MiB, and it needs 16 MiB itself
				t.Errorf("%d bytes were allocated", allocated)
			}
		})
	}
}

// TestAnUnknownAuthorityOfMySQLIsSaid: another authority has signed the server's
// certificate. The relay finds that out, not the library.
func TestAnUnknownAuthorityOfMySQLIsSaid(t *testing.T) {
	s := secureMySQLServer(t, func(net.Conn) {})
	s.CertificateFile = secureMySQLServer(t, func(net.Conn) {}).CertificateFile
	measured, listed, _ := measureOnce(t, s, patience)
	for _, problem := range []*backlog.Error{measured, listed} {
		if problem.Reason != protocol.BacklogUnreachable || !strings.Contains(problem.Message, "authority that is not known") {
			t.Errorf("%+v", problem)
		}
	}
	plain := mySQLServer(t, func(net.Conn) {})
	plain.CertificateFile = s.CertificateFile
	if measured, _, _ := measureOnce(t, plain, patience); !strings.Contains(measured.Message, "does not speak TLS") {
		t.Errorf("a server without TLS: %+v", measured)
	}
}
