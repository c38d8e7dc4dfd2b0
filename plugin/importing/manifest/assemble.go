// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// Placement is a pool with the facts that decide which QueueApp it belongs to, and what
// it may share with that QueueApp's other pools.
type Placement struct {
	Pool Pool
	// Directory is the application's directory; empty if unknown.
	Directory string
	// Connection is the queue connection; empty for the application's default.
	Connection string
	// Env are the variables of the pool.
	Env []corev1.EnvVar
	// Share names the group with which the pool shares a number of processes, and
	// Processes is that number; empty if the pool shares none.
	Share     string
	Processes int32
	// RunAsUser is the number of the user that the workers run as; nil if unknown.
	RunAsUser *int64
}

// Draft is the result of reading: pools that are not assigned to QueueApps yet.
type Draft struct {
	Origin string
	// Driver is the driver of all connections; empty if they differ.
	Driver v1alpha1.Driver
	Notes  []Note
	Pools  []Placement
}

// Directories returns the applications' directories, in the order of the pools.
func (d Draft) Directories() []string {
	var out []string
	seen := map[string]bool{}
	for _, pool := range d.Pools {
		if !seen[pool.Directory] {
			seen[pool.Directory] = true
			out = append(out, pool.Directory)
		}
	}
	return out
}

// Settings hold what a configuration does not say.
type Settings struct {
	// Images are the images of the applications by their directory; the image under "" is
	// for directories without their own.
	Images map[string]string
	// Namespace is the namespace of the objects; empty leaves it to kubectl apply.
	Namespace string
	// AppName is the name of the QueueApp; empty derives it from the directory.
	AppName string
	// Connection is the connection of workers that name none.
	Connection string
	// Drivers are the drivers by their connection; the driver under "" is for connections
	// without their own.
	Drivers map[string]v1alpha1.Driver
	// RetryAfter is the connection's retry_after; 0 if unknown.
	RetryAfter time.Duration
	// EnvFrom are the sources of the application's settings.
	EnvFrom []corev1.EnvFromSource
}

// Image returns the image of the application in a directory.
func (s Settings) Image(directory string) string {
	return cmp.Or(s.Images[directory], s.Images[""])
}

// Assemble assigns the pools of a draft to QueueApps. It makes one QueueApp for each pair
// of directory and connection, because a QueueApp has one of each.
func Assemble(draft Draft, settings Settings) Result {
	result := Result{Origin: draft.Origin, Notes: draft.Notes, Namespace: settings.Namespace}
	groups := map[[2]string][]Placement{}
	var order [][2]string
	connections := map[string]int{}
	for _, pool := range draft.Pools {
		pool.Connection = cmp.Or(pool.Connection, settings.Connection)
		key := [2]string{pool.Directory, pool.Connection}
		if groups[key] == nil {
			order = append(order, key)
			connections[pool.Directory]++
		}
		groups[key] = append(groups[key], pool)
	}
	without := map[string]bool{}
	for _, key := range order {
		if settings.Drivers[key[1]] == "" {
			without[key[1]] = true
		}
	}
	appNames, poolNames := Names{}, Names{}
	for _, key := range order {
		base := cmp.Or(settings.AppName, directoryName(key[0]))
		if connections[key[0]] > 1 && key[1] != "" {
			base += "-" + key[1]
		}
		app := assemble(groups[key], settings, draft.Driver)
		app.Notes = append(app.Notes, driverNotes(key[1], without, settings.Drivers, draft.Driver)...)
		app.Name = appNames.Take(base, "app")
		for i := range app.Pools {
			app.Pools[i].Name = poolNames.Take(app.Pools[i].Name, "worker")
			app.Pools[i].Spec.AppName = app.Name
		}
		result.Apps = append(result.Apps, app)
	}
	return result
}

// commonDirectories are names of directories that do not identify an application.
var commonDirectories = []string{"current", "html", "www", "public", "htdocs", "httpdocs", "live", "release", "code", "src", "var", "srv", "home", "opt", "/", "."}

// directoryName derives a name for an application from its directory.
func directoryName(directory string) string {
	for at := path.Clean(directory); ; at = path.Dir(at) {
		name := path.Base(at)
		if !slices.Contains(commonDirectories, name) {
			return name
		}
		if at == "/" || at == "." {
			return "app"
		}
	}
}

func assemble(pools []Placement, settings Settings, driver v1alpha1.Driver) App {
	first := pools[0]
	app := App{Origin: "The application"}
	if first.Directory != "" {
		app.Origin += " of " + first.Directory
	}
	if first.Connection != "" {
		app.Origin += " and its queue connection " + first.Connection
	}
	app.Origin += "."
	container := corev1.Container{Name: "worker", Image: settings.Image(first.Directory), EnvFrom: settings.EnvFrom}
	container.Env = shareEnv(pools)
	app.Spec.Template.Spec.Containers = []corev1.Container{container}
	if user := sharedUser(pools); user != nil {
		app.Spec.Template.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: user}
	}
	app.Spec.Connection = connection(first.Connection, settings, driver)
	app.Notes = appNotes(pools, settings)
	limit(&app, pools)
	for _, pool := range pools {
		pool.Pool.Spec.Env = pool.Env
		app.Pools = append(app.Pools, pool.Pool)
	}
	return app
}

// maxProcesses is the highest cap of a QueueApp.
const maxProcesses = 100_000

// limit carries over that pools share a number of processes. The cap of the QueueApp is
// the sum over its pools, with each share counted once.
func limit(app *App, pools []Placement) {
	counted := map[string]bool{}
	shared := false
	var names []string
	total := int32(0)
	for _, pool := range pools {
		switch {
		case pool.Share == "":
			total += processes(pool.Pool.Spec)
		case counted[pool.Share]:
			shared = true
		default:
			counted[pool.Share] = true
			names = append(names, fmt.Sprintf("%s: %d", pool.Share, pool.Processes))
			total += pool.Processes
		}
	}
	if !shared {
		return
	}
	total = min(total, maxProcesses)
	app.Spec.MaxProcesses = &total
	why := "the total that all queues of a supervisor share (" + strings.Join(names, ", ") + ")"
	if len(names) > 1 || len(names) < len(pools) && total > pools[0].Processes {
		why += ", plus the processes of the other pools; it caps all pools together, so a pool may use what another pool leaves free"
	}
	app.Notes = append(app.Notes, Note{Line: Line{File: "carried over"}, Subject: fmt.Sprintf("maxProcesses: %d", total), Why: why})
}

func processes(spec v1alpha1.QueueWorkerSpec) int32 {
	switch {
	case spec.Autoscaling != nil:
		return spec.Autoscaling.MaxProcesses
	case spec.Processes != nil:
		return *spec.Processes
	}
	return 1
}

func connection(name string, settings Settings, driver v1alpha1.Driver) *v1alpha1.Connection {
	c := &v1alpha1.Connection{Name: name, Driver: cmp.Or(settings.Drivers[name], settings.Drivers[""], driver)}
	if settings.RetryAfter > 0 {
		c.RetryAfter = &metav1.Duration{Duration: settings.RetryAfter}
	}
	if c.Name == "" && c.Driver == "" && c.RetryAfter == nil {
		return nil
	}
	return c
}

// shareEnv moves the variables that all pools have in common out of the pools.
func shareEnv(pools []Placement) []corev1.EnvVar {
	holders := map[corev1.EnvVar]int{} // a pool has each variable at most once
	for _, pool := range pools {
		for _, v := range pool.Env {
			holders[v]++
		}
	}
	isShared := func(v corev1.EnvVar) bool { return holders[v] == len(pools) }
	shared := slices.DeleteFunc(slices.Clone(pools[0].Env), func(v corev1.EnvVar) bool { return !isShared(v) })
	for i := range pools {
		pools[i].Env = slices.DeleteFunc(slices.Clone(pools[i].Env), isShared)
	}
	return shared
}

// sharedUser returns the user that all pools run as; nil if they differ.
func sharedUser(pools []Placement) *int64 {
	user := pools[0].RunAsUser
	if user == nil || slices.ContainsFunc(pools, func(p Placement) bool { return p.RunAsUser == nil || *p.RunAsUser != *user }) {
		return nil
	}
	return user
}

// appNotes lists what a user has to complete.
func appNotes(pools []Placement, settings Settings) []Note {
	var notes []Note
	add := func(warning bool, subject, why string) {
		notes = append(notes, Note{Line: Line{File: "to complete"}, Subject: subject, Why: why, Warning: warning})
	}
	if len(settings.EnvFrom) == 0 {
		add(false, "env", "the application's .env file is not read; give its settings as env or envFrom, for example with --env-from=secret/NAME")
	}
	longest := time.Duration(0)
	for i := range pools {
		timeout := effective.Timeout(&pools[i].Pool.Spec)
		if timeout == 0 {
			timeout = 24 * time.Hour
		}
		longest = max(longest, timeout)
	}
	if retry := cmp.Or(settings.RetryAfter, effective.RetryAfter(nil)); longest >= retry {
		add(true, "connection.retryAfter", fmt.Sprintf(
			"it is %s here and must be what retry_after is in config/queue.php, longer than any timeout; a job that runs longer is given out twice", flags.Short(retry)))
	}
	if differ := users(pools); len(differ) > 1 {
		add(true, "runAsUser", "the workers ran as different users ("+strings.Join(differ, ", ")+"), but all pods of a QueueApp run as one user; the user of the image is used")
	}
	return notes
}

// users lists the numbers of the users that the pools run as.
func users(pools []Placement) []string {
	var out []string
	seen := map[string]bool{}
	for _, pool := range pools {
		text := "the image's"
		if pool.RunAsUser != nil {
			text = strconv.FormatInt(*pool.RunAsUser, 10)
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}
