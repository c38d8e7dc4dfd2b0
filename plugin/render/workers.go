// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"time"

	"queueworker.dev/queueworker/console/view"
)

// WorkerTable lists workers in the table that the guide shows.
func WorkerTable(workers []view.Worker, now time.Time, namespaces bool) Listing {
	listing := Listing{Object: workerList(workers), Names: []string{}}
	if namespaces {
		listing.Columns = append(listing.Columns, Column{Name: "Namespace"})
	}
	for _, name := range []string{"ID", "Queue", "Status", "PID", "Started", "Processed", "Failed", "Memory", "CPU", "Current job"} {
		listing.Columns = append(listing.Columns, Column{Name: name})
	}
	for _, name := range []string{"Queueworker", "Last exit", "Seen"} {
		listing.Columns = append(listing.Columns, Column{Name: name, Wide: true})
	}
	for i := range workers {
		var row []string
		if namespaces {
			row = append(row, workers[i].Namespace)
		}
		listing.Rows = append(listing.Rows, append(row, workerCells(&workers[i], now)...))
		if name := "pod/" + workers[i].Pod; len(listing.Names) == 0 || listing.Names[len(listing.Names)-1] != name {
			listing.Names = append(listing.Names, name)
		}
	}
	return listing
}

func workerCells(w *view.Worker, now time.Time) []string {
	exit := none
	if w.LastExit != nil {
		exit = w.LastExit.Reason
	}
	return []string{
		w.Name, or(w.Queue), string(w.State), pid(w.PID), since(w.StartedTime, now),
		count(w.Processed), count(w.Failed), memory(w.Memory), cpu(w.CPU), job(w.CurrentJob, now),
		w.QueueWorker, exit, seen(w, now),
	}
}

// NoWorkers says why there is no worker to show; nothing is the text if there are no
// pools either.
func NoWorkers(s *view.Snapshot, nothing string) string {
	if len(s.Pools) == 0 {
		return nothing
	}
	var states []string
	for i := range s.Pools {
		state := unseen
		if s.Pools[i].Status.State != "" {
			state = strings.ToLower(string(s.Pools[i].Status.State))
		}
		states = append(states, s.Pools[i].Name+" is "+state)
	}
	return "There are no workers: " + strings.Join(states, ", ") + "."
}

// unseen is the state of a pool without a status.
const unseen = "not observed by the operator yet"
