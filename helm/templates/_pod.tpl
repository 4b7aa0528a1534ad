{{/* The pod of the Deployment or StatefulSet. */}}
{{- define "profile-consumer.podTemplate" -}}
metadata:
  labels:
    {{- include "profile-consumer.labels" . | nindent 4 }}
    app.kubernetes.io/component: consumer
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "profile-consumer.checksum" . }}
    {{- with mergeOverwrite (dict) .Values.commonAnnotations .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "profile-consumer.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.check.enabled }}
  initContainers:
    - name: check
      {{- include "profile-consumer.container" . | nindent 6 }}
      args: [check]
  {{- end }}
  containers:
    - name: profile-consumer
      {{- include "profile-consumer.container" . | nindent 6 }}
      args: {{ ternary (list "run" "--dry-run") (list "run") .Values.dryRun | toJson }}
      ports:
        - {name: http, containerPort: 8080, protocol: TCP}
      {{- range $probe, $path := dict "startupProbe" "/livez" "livenessProbe" "/livez" "readinessProbe" "/readyz" }}
      {{ $probe }}:
        httpGet: {path: {{ $path }}, port: http}
        {{- toYaml (get $.Values $probe) | nindent 8 }}
      {{- end }}
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ .Values.preStopSeconds }}}
      {{- end }}
  volumes:
    - name: settings
      configMap: {name: {{ printf "%s-settings" (include "profile-consumer.fullname" .) | quote }}}
    - name: schemas
      configMap: {name: {{ default (printf "%s-mappings" (include "profile-consumer.fullname" .)) .Values.existingConfigMap | quote }}}
    {{- with include "profile-consumer.secretItems" . }}
    - name: secrets
      secret:
        secretName: {{ include "profile-consumer.secretName" $ | quote }}
        defaultMode: 0440
        items:
          {{- trim . | nindent 10 }}
    {{- end }}
    {{- with .Values.kafkaTls.existingSecret }}
    - name: kafka-tls
      secret: {secretName: {{ . | quote }}, defaultMode: 0440}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "profile-consumer.spread" . }}
  topologySpreadConstraints:
    {{- trim . | nindent 4 }}
  {{- end }}
  {{- range $key := list "nodeSelector" "affinity" "tolerations" }}
  {{- with get $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
{{- end }}

{{/* What the init container and the service share: image, environment, files, rights. */}}
{{- define "profile-consumer.container" -}}
image: {{ include "profile-consumer.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
env:
  - {name: PROFILE_CONSUMER_CONFIG, value: /etc/profile-consumer/settings/settings.yaml}
  {{- if .Values.staticMembership.enabled }}
  - name: PROFILE_CONSUMER_KAFKA__PROPERTIES__GROUP_INSTANCE_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/profile-consumer/settings, readOnly: true}
  - {name: schemas, mountPath: /etc/profile-consumer/schemas, readOnly: true}
  {{- if include "profile-consumer.secretItems" . }}
  - {name: secrets, mountPath: /etc/profile-consumer/secrets, readOnly: true}
  {{- end }}
  {{- if .Values.kafkaTls.existingSecret }}
  - {name: kafka-tls, mountPath: /etc/profile-consumer/kafka-tls, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Constraints of the values; without a selector of their own they count the pods of this release. */}}
{{- define "profile-consumer.spread" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "profile-consumer.selectorLabels" . | fromYaml)) }}
{{- range .Values.topologySpreadConstraints }}
{{ toYaml (list (mergeOverwrite (deepCopy $own) .)) }}
{{- end }}
{{- end }}
