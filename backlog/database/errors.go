// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"strings"

	"github.com/go-sql-driver/mysql"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// refusal is the meaning of a server's error code.
type refusal struct {
	reason protocol.BacklogError
	// message has %[1]s for the server's address, %[2]s for the name of the database and
	// %[3]s for the name of the table.
	message string
}

var (
	badLogin   = refusal{protocol.BacklogDenied, "The database at %[1]s refused the user or the password: correct DB_USERNAME and DB_PASSWORD."}
	noRight    = refusal{protocol.BacklogDenied, "The database at %[1]s does not let this user read the table %[3]s of %[2]s: grant it SELECT, which workers need too."}
	noEntry    = refusal{protocol.BacklogDenied, "The database at %[1]s does not let this user into %[2]s, if there is a database of this name: correct DB_DATABASE, or grant it SELECT."}
	noDatabase = refusal{protocol.BacklogNotFound, "The server at %[1]s has no database %[2]s: correct DB_DATABASE, or create it."}
	noTable    = refusal{protocol.BacklogNotFound, "The database %[2]s at %[1]s has no table %[3]s: run the migrations (php artisan queue:table), or set connection.database.table of the QueueApp."}
	otherTable = refusal{protocol.BacklogUnreadable, "The table %[3]s of %[2]s at %[1]s lacks columns of Laravel's jobs table: set connection.database.table of the QueueApp."}
	tooSlow    = refusal{protocol.BacklogUnreachable, "The database at %[1]s took too long to count the jobs of %[3]s: check its load, and that the table has its index of the column queue."}
	tooMany    = refusal{protocol.BacklogUnreachable, "The database at %[1]s has as many connections as it allows: raise that, or run fewer workers."}
	notReady   = refusal{protocol.BacklogUnreachable, "The database at %[1]s is starting or stopping."}
)

// refusals are keyed by the SQLSTATE of PostgreSQL and the error number of MySQL and
// MariaDB.
var refusals = map[string]refusal{
	"28P01": badLogin, "28000": badLogin, "1045": badLogin, "1698": badLogin,
	"42501": noRight, "1044": noEntry, "1142": noRight, "1143": noRight,
	"3D000": noDatabase, "1049": noDatabase,
	"42P01": noTable, "3F000": noTable, "1146": noTable,
	"42703": otherTable, "42883": otherTable, "42809": otherTable, "1054": otherTable,
	"57014": tooSlow, "55P03": tooSlow, "1317": tooSlow, "1969": tooSlow, "3024": tooSlow,
	"53300": tooMany, "1040": tooMany, "1203": tooMany, "1226": tooMany,
	"57P01": notReady, "57P02": notReady, "57P03": notReady, "1053": notReady, "1079": notReady,
}

// explain returns an Error that says why nothing could be measured.
func (d *Driver) explain(err error) error {
	if problem := d.guard.Refusal(); problem != nil {
		return problem
	}
	s := d.settings
	code, text, refused := d.dialect.refusal(err)
	if refused {
		if r, known := refusals[code]; known {
			return backlog.Errorf(r.reason, r.message, s.Address(), s.Name, s.Table)
		}
		return backlog.Errorf(protocol.BacklogUnreadable, "The database at %s refused to count jobs, with the code %s: %s.", s.Address(), code, s.Secrets.Clean(text))
	}
	for _, sign := range []string{"server refused TLS connection", mysql.ErrNoTLS.Error()} {
		if strings.Contains(err.Error(), sign) {
			return backlog.Errorf(protocol.BacklogUnreachable, "The database at %s does not speak TLS, which the settings ask for: turn TLS on there, or leave DB_SSLMODE and MYSQL_ATTR_SSL_CA out.", s.Address())
		}
	}
	if problem, ok := backlog.Unreachable(err, "the database at "+s.Address(), ""); ok {
		return problem
	}
	return backlog.AsError(err, s.Secrets)
}
