// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// module is the path with which every package of the product begins.
const module = "queueworker.dev/queueworker"

// A rule says what a group of packages may import. Patterns are paths relative to the
// module, or full import paths of libraries. "/..." at the end means "and below"; "..."
// alone means everything.
type rule struct {
	// packages are the packages the rule applies to; the first matching rule counts.
	packages []string
	// ours are the packages of this module that they may import. Their tests may also
	// import test/...
	ours []string
	// libraries are the libraries they may import; tests may import any. The standard
	// library is always allowed, except in pure packages.
	libraries []string
	// pure packages decide something: the same input gives the same answer. They may not
	// use the packages in impure and the functions in clocks.
	pure bool
	// because is the end of a violation's message.
	because string
}

var purePackages = []string{
	"controllers/scaling", "controllers/drain", "controllers/objects",
	"controllers/throughput", "controllers/status", "controllers/stuck", "controllers/command", "controllers/alerts", "controllers/preflight",
	"controllers/batch", "controllers/turns", "controllers/podstate", "controllers/requeue", "controllers/telemetry",
	"controllers/queueworker/plan",
}

// consolePure are the pure packages that every user interface shares.
var consolePure = []string{"console/view", "console/intent", "console/gitops", "console/redact", "console/doctor"}

// terminal are the pure packages with the plugin's words and pictures.
var terminal = []string{"plugin/wording", "plugin/render"}

// importing are the packages that read foreign configurations, which are pure too.
var importing = []string{
	"plugin/importing/artisan", "plugin/importing/budget", "plugin/importing/flags", "plugin/importing/horizon", "plugin/importing/manifest",
	"plugin/importing/phpvalue", "plugin/importing/supervisor",
}

var rules = []rule{
	{
		packages: []string{"api/protocol"},
		because:  "operator and agent share it, so it needs nothing but the standard library",
	},
	{
		packages: []string{"api/printable"},
		pure:     true,
		because:  "every part shows text that users' programs wrote, so making it printable needs the standard library alone",
	},
	{
		packages: []string{"api/received"},
		ours:     []string{"api/protocol", "api/printable"},
		pure:     true,
		because:  "operator and plugin check with it what agents say, and neither needs anything but the protocol",
	},
	{
		packages: []string{"api/runtimes"},
		pure:     true,
		because:  "every part asks the table of runtimes, which needs the standard library alone",
	},
	{
		packages: []string{"api/bounds"},
		because:  "the CustomResourceDefinitions and the operator's check are made of it, which needs nothing but the standard library",
	},
	{
		packages:  []string{"api/v1alpha1"},
		libraries: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		because:   "users of the API import it, so it needs nothing but the API libraries of Kubernetes",
	},
	{
		packages:  []string{"api/effective"},
		ours:      []string{"api/bounds", "api/runtimes", "api/v1alpha1"},
		libraries: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		pure:      true,
		because:   "operator, plugin and importers read settings through it, so it needs nothing but the API",
	},
	{
		packages: []string{"gate", "trust"},
		because:  "agent, backlog probe and operator share it, so it needs nothing but the standard library",
	},
	{
		packages: []string{"agent/runtime/..."},
		ours:     []string{"api/protocol", "api/runtimes", "agent/dialect", "agent/oneoff", "agent/supervisor"},
		because:  "a runtime implements what the supervisor needs, and knows no other runtime",
	},
	{
		packages:  []string{"agent/..."},
		ours:      []string{"api/protocol", "api/runtimes", "gate", "trust", "agent/..."},
		libraries: []string{"github.com/fsnotify/fsnotify", "github.com/prometheus/client_golang/...", "golang.org/x/sys/..."},
		because:   "the agent is a small program of its own and meets the operator in api/protocol alone",
	},
	{
		packages: []string{"backlog"},
		ours:     []string{"api/protocol"},
		because:  "drivers and probe are built on package backlog, which needs neither",
	},
	{
		packages:  []string{"backlog/settings"},
		ours:      []string{"api/protocol", "backlog"},
		libraries: []string{"golang.org/x/text/unicode/norm"},
		because:   "settings are found without asking a server",
	},
	{
		packages:  []string{"backlog/backend/redis"},
		ours:      []string{"api/protocol", "backlog", "backlog/settings"},
		libraries: []string{"github.com/redis/go-redis/v9/..."},
		because:   "a backend knows itself alone, and no runtime",
	},
	{
		packages:  []string{"backlog/backend/database"},
		ours:      []string{"api/protocol", "backlog", "backlog/settings"},
		libraries: []string{"github.com/jackc/pgx/v5/...", "github.com/go-sql-driver/mysql"},
		because:   "a backend knows itself alone, and no runtime",
	},
	{
		packages: []string{"backlog/backend/http"},
		ours:     []string{"api/protocol", "api/received", "backlog", "backlog/settings"},
		because:  "a backend knows itself alone, and no runtime",
	},
	{
		packages: []string{"backlog/layout/laravel/..."},
		ours:     []string{"api/protocol", "backlog", "backlog/settings", "backlog/backend/...", "backlog/layout/laravel/..."},
		because:  "a layout reaches every server by its backend, and knows no other layout",
	},
	{
		packages: []string{"backlog/conformance"},
		ours:     []string{"api/protocol", "backlog", "backlog/settings"},
		because:  "the suite that tries the drivers knows none of them",
	},
	{
		packages:  []string{"backlog/probe"},
		ours:      []string{"api/protocol", "api/runtimes", "backlog/...", "gate", "trust"},
		libraries: []string{"github.com/prometheus/client_golang/..."},
		because:   "the backlog probe is a program of its own and meets the operator in api/protocol alone",
	},
	{
		packages:  purePackages,
		ours:      append([]string{"api/..."}, purePackages...),
		libraries: []string{"k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/client-go/applyconfigurations/...", "github.com/robfig/cron/v3"},
		pure:      true,
		because:   "a package that decides is pure: the same input gives the same answer",
	},
	{
		packages:  []string{"controllers/kube"},
		ours:      []string{"api/...", "controllers/cached"},
		libraries: []string{"..."},
		because:   "what writes objects decides nothing",
	},
	controller("queueworker"), controller("queueapp"), controller("queuecommand"),
	{
		packages:  []string{"controllers/..."},
		ours:      []string{"api/...", "gate", "trust", "controllers/..."},
		libraries: []string{"..."},
		because:   "the operator meets the other parts in api/ alone",
	},
	{
		packages:  []string{"dashboard/..."},
		ours:      []string{"api/...", "console/...", "dashboard/..."},
		libraries: []string{"..."},
		because:   "the dashboard meets the operator in api/ and the other interfaces in console/ alone",
	},
	{
		packages:  consolePure,
		ours:      append([]string{"api/..."}, consolePure...),
		libraries: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		pure:      true,
		because:   "what an interface says of the cluster is a pure function of what it read",
	},
	{
		packages:  []string{"console/..."},
		ours:      []string{"api/...", "console/..."},
		libraries: []string{"..."},
		because:   "every user interface shares it, so it knows none of them",
	},
	{
		packages: importing,
		ours:     append([]string{"api/effective", "api/v1alpha1"}, importing...),
		libraries: []string{
			"k8s.io/api/...", "k8s.io/apimachinery/...", "go.yaml.in/yaml/v3",
			"github.com/VKCOM/php-parser/...", "github.com/kballard/go-shellquote", "mvdan.cc/sh/v3/...",
		},
		pure:    true,
		because: "an import reads what it is given and runs nothing",
	},
	{
		packages:  terminal,
		ours:      append([]string{"api/...", "console/podlog", "plugin/wording"}, consolePure...),
		libraries: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		pure:      true,
		because:   "words and pictures are a pure function of what was decided",
	},
	{
		packages:  []string{"plugin/cli/..."},
		ours:      []string{"api/...", "console/...", "plugin/wording", "plugin/render", "plugin/cli/..."},
		libraries: []string{"..."},
		because:   "every command is built on it, so it knows none of them",
	},
	{
		packages:  []string{"plugin/..."},
		ours:      []string{"api/...", "console/...", "plugin/..."},
		libraries: []string{"..."},
		because:   "the kubectl plugin meets the operator in api/ and the other interfaces in console/ alone",
	},
	{
		packages:  []string{"cmd/..."},
		ours:      []string{"api/...", "agent/...", "backlog/...", "controllers/...", "dashboard/...", "plugin/...", "gate", "trust", "cmd/..."},
		libraries: []string{"..."},
		because:   "programs wire the product's parts, not its tests or tools",
	},
	{
		packages:  []string{"test/...", "hack/..."},
		ours:      []string{"..."},
		libraries: []string{"..."},
	},
}

// shared are the packages that every controller may import, beside the pure ones.
var shared = []string{
	"controllers/cached", "controllers/cachefilter", "controllers/collector", "controllers/defaultapp",
	"controllers/findings", "controllers/kube", "controllers/passlog", "controllers/workqueue",
}

// controller returns the rule of a controller.
func controller(name string) rule {
	return rule{
		packages:  []string{"controllers/" + name + "/..."},
		ours:      slices.Concat([]string{"api/...", "controllers/" + name + "/..."}, purePackages, shared),
		libraries: []string{"..."},
		because:   "a controller imports no other controller; what they share has a package of its own",
	}
}

// verbs are the methods of a client of controller-runtime that read and write objects.
// Only package kube calls them, on a field with one of these names.
var (
	verbs   = []string{"Apply", "Create", "Delete", "DeleteAllOf", "Get", "List", "Patch", "Status", "SubResource", "Update"}
	clients = []string{"Client", "Live"}
)

// impure are libraries that a pure package may not use, even if its rule or the standard
// library would allow them.
var impure = []string{
	"context", "crypto/rand", "database/...", "io/fs", "log/...", "math/rand/...", "net/...", "os/...", "syscall",
	"k8s.io/apimachinery/pkg/util/net", "k8s.io/apimachinery/pkg/util/rand", "k8s.io/apimachinery/pkg/util/runtime",
	"k8s.io/apimachinery/pkg/util/uuid", "k8s.io/apimachinery/pkg/util/wait", "k8s.io/apimachinery/pkg/watch",
}

// clocks are functions that a pure package may not use, by import path, because time is a
// field of its input.
var clocks = map[string][]string{
	"time":                                 {"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"},
	"k8s.io/apimachinery/pkg/apis/meta/v1": {"Now", "NowMicro"},
}
