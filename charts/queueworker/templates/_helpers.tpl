{{- define "queueworker.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The prefix of every object's name: the release's name, followed by the chart's name
       unless it contains that. Short enough to append "-leader-election". */ -}}
{{- define "queueworker.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "queueworker.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "queueworker.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "queueworker.manager" -}}
{{ include "queueworker.fullname" . }}-manager
{{- end }}

{{- define "queueworker.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "queueworker.manager" .) }}
{{- else }}
{{- required "serviceAccount.name is needed while serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "queueworker.selectorLabels" -}}
app.kubernetes.io/name: {{ include "queueworker.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "queueworker.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "queueworker.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* The labels that distinguish the operator's pods from other pods of the release. */ -}}
{{- define "queueworker.managerLabels" -}}
{{ include "queueworker.selectorLabels" . }}
app.kubernetes.io/component: manager
{{- end }}

{{- /* repository:tag or repository@digest; called with a dict of image and root. */ -}}
{{- define "queueworker.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "queueworker.subject" -}}
- kind: ServiceAccount
  name: {{ include "queueworker.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* Whether the chart creates the policies that confine the operator's token: if the
       cluster serves their API. Without a cluster, as in helm template, helm knows no kinds
       at all; then it creates them, because every Kubernetes that this chart supports
       serves the API. */ -}}
{{- define "queueworker.confined" -}}
{{- $kinds := .Capabilities.APIVersions }}
{{- if and .Values.admissionPolicies.enabled (or ($kinds.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy") (not ($kinds.Has "apps/v1/Deployment"))) -}}
true
{{- end }}
{{- end }}

{{- /* A CEL list of the namespaces that the operator may not write to: the
       namespaces of the cluster itself, except those in watchNamespaces. */ -}}
{{- define "queueworker.clusterNamespaces" -}}
{{- $names := list }}
{{- range .Values.admissionPolicies.clusterNamespaces }}
{{- if not (has . $.Values.watchNamespaces) }}
{{- $names = append $names (squote .) }}
{{- end }}
{{- end -}}
[{{ join ", " $names }}]
{{- end }}

{{- /* The DNS name of the metrics' Service, which the metrics' certificate contains. */ -}}
{{- define "queueworker.metricsHost" -}}
{{ include "queueworker.fullname" . }}-metrics.{{ .Release.Namespace }}.svc
{{- end }}

{{- /* The Secret with the metrics' certificate; empty if the operator signs its own. */ -}}
{{- define "queueworker.metricsSecret" -}}
{{- if and .Values.metrics.enabled .Values.metrics.secure -}}
{{- if .Values.metrics.certificate.secretName -}}
{{ .Values.metrics.certificate.secretName }}
{{- else if .Values.metrics.certificate.issuer.name -}}
{{ include "queueworker.fullname" . }}-metrics-tls
{{- end }}
{{- end }}
{{- end }}
