// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"fmt"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// SelectApp finds the QueueApp of a pool in its namespace: the one that the pool names,
// otherwise the one named default, otherwise the only one.
func SelectApp[T any, P named[T]](worker *v1alpha1.QueueWorker, apps []T) (P, *Problem) {
	return AppNamed[T, P](worker.Namespace, worker.Spec.AppName, apps)
}

// named is a pointer to an object with a name: a QueueApp of the API or of the cache.
type named[T any] interface {
	*T
	GetName() string
}

// AppNamed finds the QueueApp for an object that may name one in spec.appName, as
// SelectApp does.
func AppNamed[T any, P named[T]](namespace, appName string, apps []T) (P, *Problem) {
	wanted := appName
	if wanted == "" && len(apps) == 1 {
		return &apps[0], nil
	}
	if wanted == "" {
		wanted = v1alpha1.DefaultAppName
	}
	for i := range apps {
		if P(&apps[i]).GetName() == wanted {
			return &apps[i], nil
		}
	}
	switch {
	case appName != "":
		return nil, &Problem{v1alpha1.ReasonAppNotFound, fmt.Sprintf(
			"The QueueApp %q, which spec.appName names, does not exist in namespace %s; create it or name another.%s",
			wanted, namespace, existing[T, P](apps))}
	case len(apps) == 0:
		return nil, &Problem{v1alpha1.ReasonAppNotFound, fmt.Sprintf(
			"Namespace %s has no QueueApp; create one that says which image the workers run.", namespace)}
	}
	return nil, &Problem{v1alpha1.ReasonAppAmbiguous, fmt.Sprintf(
		"Namespace %s has %d QueueApps and none is named %s; set spec.appName to the one to use.%s",
		namespace, len(apps), v1alpha1.DefaultAppName, existing[T, P](apps))}
}

// UsersOf returns a function that reports whether a pool uses the QueueApp of this
// name, by the rules of SelectApp. UsersOf looks at all QueueApps of the namespace
// once, and not again for each pool.
func UsersOf[T any, P named[T]](name string, apps []T) func(*v1alpha1.QueueWorker) bool {
	exists, byDefault := false, false
	for i := range apps {
		exists = exists || P(&apps[i]).GetName() == name
	}
	if app, _ := AppNamed[T, P]("", "", apps); app != nil {
		byDefault = app.GetName() == name
	}
	return func(worker *v1alpha1.QueueWorker) bool {
		if worker.Spec.AppName == "" {
			return byDefault
		}
		return exists && worker.Spec.AppName == name
	}
}

// existing names a few of the existing QueueApps.
func existing[T any, P named[T]](apps []T) string {
	if len(apps) == 0 {
		return ""
	}
	names := make([]string, 0, len(apps))
	for i := range apps {
		names = append(names, P(&apps[i]).GetName())
	}
	slices.Sort(names)
	if len(names) > 5 {
		names = append(names[:5], "...")
	}
	return " There is: " + strings.Join(names, ", ") + "."
}
