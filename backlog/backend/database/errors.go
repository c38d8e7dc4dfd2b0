// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"strings"

	"github.com/go-sql-driver/mysql"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// Table is a table that is read, and what to say if it cannot be. In each message %[1]s is
// the server's address, %[2]s the name of the database and %[3]s the name of the table.
type Table struct {
	// Name may have a schema and a dot in front.
	Name string
	// Missing: the table does not exist. Other: it lacks columns. Slow: the query took too
	// long.
	Missing, Other, Slow string
}

// refusal is the meaning of a server's error code.
type refusal struct {
	reason  protocol.BacklogError
	message func(Table) string
}

// always returns a message that is the same for every table.
func always(message string) func(Table) string { return func(Table) string { return message } }

var (
	badLogin   = &refusal{protocol.BacklogDenied, always("The database at %[1]s refused the user or the password: correct DB_USERNAME and DB_PASSWORD.")}
	noRight    = &refusal{protocol.BacklogDenied, always("The database at %[1]s does not let this user read the table %[3]s of %[2]s: grant it SELECT, which workers need too.")}
	noEntry    = &refusal{protocol.BacklogDenied, always("The server at %[1]s has no database %[2]s, or does not let this user open it: correct DB_DATABASE, or grant the user SELECT.")}
	noDatabase = &refusal{protocol.BacklogNotFound, always("The server at %[1]s has no database %[2]s: correct DB_DATABASE, or create it.")}
	noTable    = &refusal{protocol.BacklogNotFound, func(t Table) string { return t.Missing }}
	otherTable = &refusal{protocol.BacklogUnreadable, func(t Table) string { return t.Other }}
	tooSlow    = &refusal{protocol.BacklogUnreachable, func(t Table) string { return t.Slow }}
	tooMany    = &refusal{protocol.BacklogUnreachable, always("The database at %[1]s has as many connections as it allows: raise that, or run fewer workers.")}
	notReady   = &refusal{protocol.BacklogUnreachable, always("The database at %[1]s is starting or stopping.")}
)

// refusals are keyed by the SQLSTATE of PostgreSQL and the error number of MySQL and
// MariaDB.
var refusals = map[string]*refusal{
	"28P01": badLogin, "28000": badLogin, "1045": badLogin, "1698": badLogin,
	"42501": noRight, "1044": noEntry, "1142": noRight, "1143": noRight,
	"3D000": noDatabase, "1049": noDatabase,
	"42P01": noTable, "3F000": noTable, "1146": noTable,
	"42703": otherTable, "42883": otherTable, "42809": otherTable, "1054": otherTable,
	"57014": tooSlow, "55P03": tooSlow, "1317": tooSlow, "1969": tooSlow, "3024": tooSlow,
	"53300": tooMany, "1040": tooMany, "1203": tooMany, "1226": tooMany,
	"57P01": notReady, "57P02": notReady, "57P03": notReady, "1053": notReady, "1079": notReady,
}

// TooSlow reports whether the server canceled a query because of its time limit.
func (s *Server) TooSlow(err error) bool {
	code, _, refused := s.dialect.refusal(err)
	return refused && refusals[code] == tooSlow
}

// Explain returns a *backlog.Error that says why a table could not be read. The next
// measurement greets the server again, because another server may answer.
func (s *Server) Explain(err error, table Table) error {
	s.version = ""
	if problem := s.guard.Refusal(); problem != nil {
		return problem
	}
	address, name, secrets := s.settings.Address(), s.settings.Name, s.settings.Secrets
	code, text, refused := s.dialect.refusal(err)
	if refused {
		if r, known := refusals[code]; known {
			return backlog.Errorf(r.reason, r.message(table), address, name, table.Name)
		}
		return backlog.Errorf(protocol.BacklogUnreadable, "The database at %s refused to count jobs, with the code %s: %s.", address, code, secrets.Clean(text))
	}
	for _, sign := range []string{"server refused TLS connection", mysql.ErrNoTLS.Error()} {
		if strings.Contains(err.Error(), sign) {
			return backlog.Errorf(protocol.BacklogUnreachable, "The database at %s does not speak TLS, which the settings ask for: turn TLS on there, or leave DB_SSLMODE and MYSQL_ATTR_SSL_CA out.", address)
		}
	}
	if problem, ok := backlog.Unreachable(err, "the database at "+address, ""); ok {
		return problem
	}
	return backlog.AsError(err, secrets)
}
