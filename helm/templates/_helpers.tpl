{{- define "profile-consumer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects; 52 characters leave room for what is put behind it. */}}
{{- define "profile-consumer.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- $name = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $name = .Release.Name }}
{{- else }}
{{- $name = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- $name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "profile-consumer.instanceLabels" -}}
app.kubernetes.io/name: {{ include "profile-consumer.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* What selects the pods of the service, and not that of `helm test`. */}}
{{- define "profile-consumer.selectorLabels" -}}
{{ include "profile-consumer.instanceLabels" . }}
app.kubernetes.io/component: consumer
{{- end }}

{{- define "profile-consumer.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{ include "profile-consumer.instanceLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of an object: `root`, and if wanted `name` or `suffix`, `labels`, `annotations`. */}}
{{- define "profile-consumer.metadata" -}}
{{- $ := .root -}}
name: {{ default (printf "%s%s" (include "profile-consumer.fullname" $) (.suffix | default "")) .name | quote }}
namespace: {{ $.Release.Namespace | quote }}
labels:
  {{- include "profile-consumer.labels" $ | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite (dict) $.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "profile-consumer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "profile-consumer.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "profile-consumer.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "profile-consumer.workload" -}}
{{- ternary "StatefulSet" "Deployment" .Values.staticMembership.enabled }}
{{- end }}

{{- define "profile-consumer.groupId" -}}
{{- $group := dig "kafka" "group_id" "profile-consumer" .Values.settings }}
{{- ternary (printf "%s.dry-run" $group) $group .Values.dryRun }}
{{- end }}

{{/* Seconds, rounded up, of a duration such as 500ms, 1.5s, 15m or 24h. */}}
{{- define "profile-consumer.seconds" -}}
{{- $text := toString . }}
{{- $number := regexFind "^[0-9.]+" $text | float64 }}
{{- $unit := regexFind "[a-z]+$" $text }}
{{- mulf $number (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) $unit) | ceil | int }}
{{- end }}
