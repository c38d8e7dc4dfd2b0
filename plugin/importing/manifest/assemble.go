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

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// Placement is a pool with what decides which QueueApp it belongs to, and what it
// may share with the others of it.
type Placement struct {
	Pool Pool
	// Directory is where the application lies; empty if unknown.
	Directory string
	// Connection is the queue connection; empty for the application's own default.
	Connection string
	// Env are the variables of the pool.
	Env []corev1.EnvVar
	// Share is what the pool shares a number of processes with, and Processes is that
	// number; empty where its own number is all there is to it.
	Share     string
	Processes int32
	// RunAsUser is the number of the user the workers run as; nil if unknown.
	RunAsUser *int64
}

// Draft is what was read: pools that are yet to be put into QueueApps.
type Draft struct {
	Origin string
	// Driver is the kind of backend that all connections are of; empty if they differ.
	Driver v1alpha1.Driver
	Notes  []Note
	Pools  []Placement
}

// Directories are the applications' directories, in the order they come.
func (d Draft) Directories() []string {
	var out []string
	for _, pool := range d.Pools {
		if !slices.Contains(out, pool.Directory) {
			out = append(out, pool.Directory)
		}
	}
	return out
}

// Settings are what a configuration does not say.
type Settings struct {
	// Images are the images of the applications by their directory; that of "" is
	// for those without one of their own.
	Images map[string]string
	// Namespace is where the objects go; empty for wherever they are applied.
	Namespace string
	// AppName is the name of the QueueApp; empty to make one from its directory.
	AppName string
	// Connection is the connection of workers that name none.
	Connection string
	// Drivers are the kinds of backends by their connection; that of "" is for those
	// without one of their own.
	Drivers map[string]v1alpha1.Driver
	// RetryAfter is the connection's retry_after; 0 if nobody said.
	RetryAfter time.Duration
	// EnvFrom are where the application's settings are.
	EnvFrom []corev1.EnvFromSource
}

// Image is the image of the application in a directory.
func (s Settings) Image(directory string) string {
	return cmp.Or(s.Images[directory], s.Images[""])
}

// defaultRetryAfter is what the field retryAfter is by default.
const defaultRetryAfter = 90 * time.Second

// Assemble puts the pools of a draft into QueueApps: one for each directory and
// connection, because that is what a QueueApp is.
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
	appNames, poolNames := Names{}, Names{}
	for _, key := range order {
		base := cmp.Or(settings.AppName, directoryName(key[0]))
		if connections[key[0]] > 1 && key[1] != "" {
			base += "-" + key[1]
		}
		app := assemble(groups[key], settings, draft.Driver)
		app.Notes = append(app.Notes, driverNotes(key[1], order, settings.Drivers, draft.Driver)...)
		app.Name = appNames.Take(base, "app")
		for i := range app.Pools {
			app.Pools[i].Name = poolNames.Take(app.Pools[i].Name, "worker")
			app.Pools[i].Spec.AppName = app.Name
		}
		result.Apps = append(result.Apps, app)
	}
	return result
}

// commonDirectories are names of directories that say nothing of the application.
var commonDirectories = []string{"current", "html", "www", "public", "htdocs", "httpdocs", "live", "release", "code", "src", "var", "srv", "home", "opt", "/", "."}

// directoryName is what the directory of an application calls it.
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

// maxProcesses is how large the cap of a QueueApp may be.
const maxProcesses = 100_000

// limit carries over that pools share a number of processes: the cap of the
// QueueApp is the sum of what its pools have, each share counted once.
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
		why += " and what the other pools have; it bounds all pools together, so one may use what another leaves"
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

// shareEnv takes the variables that all pools have alike out of them.
func shareEnv(pools []Placement) []corev1.EnvVar {
	shared := slices.DeleteFunc(slices.Clone(pools[0].Env), func(v corev1.EnvVar) bool {
		return slices.ContainsFunc(pools, func(p Placement) bool { return !slices.Contains(p.Env, v) })
	})
	for i := range pools {
		pools[i].Env = slices.DeleteFunc(slices.Clone(pools[i].Env), func(v corev1.EnvVar) bool { return slices.Contains(shared, v) })
	}
	return shared
}

// sharedUser is the user that all pools run as.
func sharedUser(pools []Placement) *int64 {
	user := pools[0].RunAsUser
	if user == nil || slices.ContainsFunc(pools, func(p Placement) bool { return p.RunAsUser == nil || *p.RunAsUser != *user }) {
		return nil
	}
	return user
}

// appNotes are what a user has to complete.
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
		timeout := flags.Timeout(&pools[i].Pool.Spec)
		if timeout == 0 {
			timeout = 24 * time.Hour
		}
		longest = max(longest, timeout)
	}
	if retry := cmp.Or(settings.RetryAfter, defaultRetryAfter); longest >= retry {
		add(true, "connection.retryAfter", fmt.Sprintf(
			"it is %s here and must be what retry_after is in config/queue.php, longer than any timeout; a job that runs longer is given out twice", flags.Short(retry)))
	}
	if differ := users(pools); len(differ) > 1 {
		add(true, "runAsUser", "the workers ran as different users ("+strings.Join(differ, ", ")+"), but the pods of a QueueApp run as one; the image's own counts")
	}
	return notes
}

// users are the numbers of the users that pools run as.
func users(pools []Placement) []string {
	var out []string
	for _, pool := range pools {
		text := "the image's"
		if pool.RunAsUser != nil {
			text = strconv.FormatInt(*pool.RunAsUser, 10)
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
