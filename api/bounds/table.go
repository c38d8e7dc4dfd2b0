// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bounds

import "maps"

// Kind says whether a bound counts entries, keys or characters.
type Kind uint8

const (
	// List counts the entries of a list.
	List Kind = iota
	// Map counts the keys of a map.
	Map
	// Key counts the characters of each key of a map.
	Key
	// Text counts the characters of a string: of the field itself, of each entry of a list
	// of strings, or of each value of a map.
	Text
)

// Total bounds an object as a whole.
type Total struct {
	// Bytes bounds its JSON.
	Bytes int
	// Values bounds the number of its JSON values: objects, lists, strings, numbers,
	// booleans and nulls.
	Values int
}

// Template bounds a pod template, and Pool the spec of a QueueWorker. A pod of ten
// containers with a hundred variables each has 4,000 values and 100 KB. Kubernetes bounds
// the annotations of an object to the same 256 KiB.
var (
	Template = Total{Bytes: 256 << 10, Values: 10_000}
	Pool     = Total{Bytes: 256 << 10, Values: 10_000}
)

// Texts bounds the total number of characters in the long texts of a pod template, or of
// a QueueWorker: variables, commands, arguments, annotations. A kernel with pages of 4
// KiB allows 2 MiB for the environment and the arguments of one process, but only 128 KiB
// for each of them.
const Texts = 128 << 10

// LongText is the bound from which a text counts towards Texts.
const LongText = 8 << 10

const (
	// defaultList is four times the length of any list in real pods that is not named below.
	defaultList = 64
	// defaultText is longer than any image reference, address or option.
	defaultText = 1024
	// QuantityText is longer than the pattern of a quantity allows.
	QuantityText = 72

	name      = 253      // of an object, the longest DNS subdomain
	labelKey  = 253 + 64 // with its prefix, as for annotations and resources
	labelText = 63       // a label's value
	word      = 63       // one of a few words, such as NoSchedule
	path      = 4096     // PATH_MAX
	longText  = 32 << 10 // a script or a configuration file in one value
)

// at names a field and the object that contains it. The object is named by the field that
// holds it, or that holds the list or map of it. An empty parent stands for any object.
type at struct{ parent, field string }

// lists bound the entries of lists. If Kubernetes bounds a list itself, its bound is used.
var lists = map[at]int{
	{"", "containers"}:     16,
	{"", "initContainers"}: 16,
	// Kubernetes refuses ephemeral containers in a pod template.
	{"", "ephemeralContainers"}: 0,

	// A process of a large application has about 200 variables.
	{"", "env"}:          512,
	{"", "args"}:         256,
	{"", "command"}:      256,
	{"exec", "command"}:  64,
	{"", "volumeMounts"}: 128,
	// The keys of one Secret or ConfigMap, each as a file.
	{"", "items"}: 128,

	{"", "topologySpreadConstraints"}:                       16,
	{"", "nodeSelectorTerms"}:                               32,
	{"", "preferredDuringSchedulingIgnoredDuringExecution"}: 32,
	{"", "requiredDuringSchedulingIgnoredDuringExecution"}:  32,
	{"", "matchExpressions"}:                                32,
	{"", "matchFields"}:                                     8,
	{"", "matchLabelKeys"}:                                  32,
	{"", "mismatchLabelKeys"}:                               32,
	// A list of instance types or zones.
	{"", "values"}: 128,

	{"dnsConfig", "nameservers"}: 3,  // Kubernetes' own
	{"dnsConfig", "searches"}:    32, // Kubernetes' own
	{"", "restartPolicyRules"}:   20, // Kubernetes' own
	{"exitCodes", "values"}:      255,
	{"", "claims"}:               32,
	{"", "resourceClaims"}:       32,
	{"", "resizePolicy"}:         16,
	{"", "accessModes"}:          16,
	{"", "finalizers"}:           16,
	{"", "bindMountOptions"}:     16,
	{"", "supplementalGroups"}:   256,
	{"", "userAnnotations"}:      64,
	{"", "monitors"}:             32,
	{"", "portals"}:              32,
	{"", "targetWWNs"}:           32,
	{"", "wwids"}:                32,
	{"", "imagePullSecrets"}:     32,
	{"", "readinessGates"}:       32,
	{"", "schedulingGates"}:      32,
	{"hostAliases", "hostnames"}: 64,
	{"projected", "sources"}:     64,
	{"", "evictionResponders"}:   10, // Kubernetes' own
}

// allMaps bound the keys of maps. A field that is not named here holds no map.
var allMaps = map[string]int{
	"annotations":      128,
	"labels":           128,
	"matchLabels":      32,
	"nodeSelector":     64,
	"limits":           32,
	"requests":         32,
	"overhead":         32,
	"options":          64,
	"userAnnotations":  64,
	"volumeAttributes": 64,
}

// texts bound the characters of strings.
var texts = map[at]int{
	{"env", "value"}: longText, {"env", "name"}: 512,
	{"", "args"}: longText, {"", "command"}: longText, {"exec", "command"}: longText,
	{"", "annotations"}: longText, {"", "userAnnotations"}: path,
	{"", "gmsaCredentialSpec"}: longText,

	{"", "name"}: name, {"", "namespace"}: name, {"", "namespaces"}: name, {"", "containerName"}: name,
	{"", "claimName"}: name, {"", "secretName"}: name, {"", "resourceName"}: name,
	{"", "serviceAccount"}: name, {"", "serviceAccountName"}: name, {"", "nodeName"}: name,
	{"", "priorityClassName"}: name, {"", "runtimeClassName"}: name, {"", "schedulerName"}: name,
	{"", "hostname"}: name, {"", "subdomain"}: name, {"", "hostnames"}: name, {"", "resourceClaimName"}: name,
	{"", "resourceClaimTemplateName"}: name, {"", "volumeName"}: name, {"", "storageClassName"}: name,
	{"", "finalizers"}: labelKey, {"", "topologyKey"}: labelKey, {"", "conditionType"}: labelKey,
	{"", "matchLabelKeys"}: labelKey, {"", "mismatchLabelKeys"}: labelKey,

	{"", "labels"}: labelText, {"", "matchLabels"}: labelText, {"", "nodeSelector"}: labelText,
	// The values of a node field are names.
	{"", "values"}: name,
	// A key of a label, of a taint or of a Secret's data.
	{"", "key"}: labelKey,

	{"tolerations", "value"}: labelText, {"tolerations", "operator"}: word, {"tolerations", "effect"}: word,
	{"", "operator"}: word, {"", "protocol"}: word, {"", "scheme"}: word, {"", "port"}: word,
	{"", "imagePullPolicy"}: word, {"", "restartPolicy"}: word, {"", "terminationMessagePolicy"}: word,
	{"", "mountPropagation"}: word, {"", "recursiveReadOnly"}: word, {"", "procMount"}: word,
	{"", "stopSignal"}: word, {"", "apiVersion"}: labelKey, {"", "kind"}: word, {"", "apiGroup"}: name,
	{"", "hostIP"}: word, {"", "ip"}: word, {"", "nameservers"}: word, {"", "add"}: word, {"", "drop"}: word,
	{"", "accessModes"}: word, {"", "fsType"}: word,
	{"sysctls", "name"}: name, {"sysctls", "value"}: defaultText,

	{"", "path"}: path, {"", "mountPath"}: path, {"", "subPath"}: path, {"", "subPathExpr"}: path,
	{"", "workingDir"}: path, {"", "devicePath"}: path, {"", "terminationMessagePath"}: path,
	{"", "localhostProfile"}: path, {"", "keyPath"}: path, {"", "certificateChainPath"}: path,
	{"", "credentialBundlePath"}: path, {"", "volumePath"}: path, {"", "directory"}: path,
	{"httpHeaders", "value"}: path, {"", "volumeAttributes"}: path, {"", "searches"}: 2048, // Kubernetes' own

	{"", "limits"}: QuantityText, {"", "requests"}: QuantityText, {"", "overhead"}: QuantityText,
	{"", "divisor"}: QuantityText, {"", "sizeLimit"}: QuantityText,
}

// keys bound the characters of each key of a map.
const keys = labelKey

// Of returns the bound of a value by the field that holds it and the object that contains
// the field. It returns false for a map that the table does not name.
func Of(kind Kind, parent, field string) (int, bool) {
	switch kind {
	case List:
		return of(lists, parent, field, defaultList), true
	case Map:
		most, known := allMaps[field]
		return most, known
	case Key:
		return keys, true
	case Text:
	}
	return of(texts, parent, field, defaultText), true
}

func of(table map[at]int, parent, field string, otherwise int) int {
	if most, named := table[at{parent, field}]; named {
		return most
	}
	if most, named := table[at{"", field}]; named {
		return most
	}
	return otherwise
}

// Maps returns the bounds on the number of keys of maps, by the fields that hold them.
func Maps() map[string]int { return maps.Clone(allMaps) }
