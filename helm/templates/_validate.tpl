{{/* Everything that is wrong with the values and that the schema can't tell, all at once. */}}
{{- define "profile-consumer.validate" -}}
{{- $problems := concat
  (include "profile-consumer.problems.settings" . | fromYamlArray)
  (include "profile-consumer.problems.files" . | fromYamlArray)
  (include "profile-consumer.problems.pods" . | fromYamlArray)
}}
{{- with $problems }}
{{- printf "\n\nThe values of %s can't work:\n  - %s\n" $.Chart.Name (join "\n  - " .) | fail }}
{{- end }}
{{- end }}

{{- define "profile-consumer.problems.settings" -}}
{{- $settings := .Values.settings }}
{{- if not $settings.kafka.bootstrap_servers }}
- "settings.kafka.bootstrap_servers: required; write the brokers as host:port, separated by commas"
{{- end }}
{{- if not $settings.target.client }}
- "settings.target.client: required; write the client code of your Adobe Target account"
{{- end }}
{{- range $name, $value := $settings.kafka.properties | default dict }}
{{- if and (regexMatch "password|passphrase|secret|[.]pem$|oauthbearer[.]config" $name) (kindIs "string" $value) }}
- {{ printf "settings.kafka.properties.%s: is a secret and would stand in a ConfigMap; write secrets.kafkaPassword, or {file: PATH} with extraVolumes" $name | quote }}
{{- end }}
{{- end }}
{{- if and (dig "log" "identity_key" "" $settings) (kindIs "string" $settings.log.identity_key) }}
- "settings.log.identity_key: is a secret and would stand in a ConfigMap; write secrets.identityKey"
{{- end }}
{{- if contains "@" (dig "kafka" "schema_registry_url" "" $settings | toString) }}
- "settings.kafka.schema_registry_url: holds a password and would stand in a ConfigMap; write {file: PATH} with extraVolumes"
{{- end }}
{{- if and $settings.target.token_file (include "profile-consumer.secretKey" (list . "token")) }}
- "settings.target.token_file: the chart sets it for the token of secrets; remove one of the two"
{{- end }}
{{- $drain := dig "delivery" "drain_timeout" "25s" $settings | toString }}
{{- if not (regexMatch "^[0-9]+([.][0-9]+)?(ms|s|m|h)$" $drain) }}
- {{ printf "settings.delivery.drain_timeout: expected a duration such as 25s, found %s" $drain | quote }}
{{- else }}
{{- $least := add (include "profile-consumer.seconds" $drain) .Values.preStopSeconds 10 }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $least) }}
- {{ printf "terminationGracePeriodSeconds: expected at least preStopSeconds (%d) + settings.delivery.drain_timeout (%s) + 10 = %d, so that a pod is not killed while it finishes its calls; found %d" (int .Values.preStopSeconds) $drain $least (int .Values.terminationGracePeriodSeconds) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "profile-consumer.problems.files" -}}
{{- if and .Values.mappings .Values.existingConfigMap }}
- "mappings, existingConfigMap: write one of them"
{{- else if not (or .Values.mappings .Values.existingConfigMap) }}
- "mappings: required (or existingConfigMap); for instance --set-file 'mappings.loan-funded\\.mapping\\.yaml=schemas/loan-funded.mapping.yaml'"
{{- else if .Values.mappings }}
{{- $found := false }}
{{- range $name, $_ := .Values.mappings }}
{{- if hasSuffix ".mapping.yaml" $name }}{{ $found = true }}{{ end }}
{{- end }}
{{- if not $found }}
- "mappings: expected at least one file NAME.mapping.yaml"
{{- end }}
{{- end }}
{{- with .Values.secrets }}
{{- if and .existingSecret (or .token .kafkaPassword .identityKey) }}
- "secrets.existingSecret: can't be mixed with token, kafkaPassword and identityKey of the values; put all into one Secret"
{{- end }}
{{- if and .existingSecret (not (or .keys.token .keys.kafkaPassword .keys.identityKey)) }}
- {{ printf "secrets.keys: say what the Secret %s holds, such as {token: KEY, kafkaPassword: KEY}" .existingSecret | quote }}
{{- end }}
{{- if and (not .existingSecret) (or .keys.token .keys.kafkaPassword .keys.identityKey) }}
- "secrets.keys: are those of secrets.existingSecret, which is missing"
{{- end }}
{{- end }}
{{- end }}

{{- define "profile-consumer.problems.pods" -}}
{{- $most := dict "replicaCount" (int .Values.replicaCount) }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- $most = dict "autoscaling.maxReplicas" (int .maxReplicas) }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
- "autoscaling.minReplicas: is above maxReplicas"
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.keda }}
{{- if .enabled }}
{{- $most = dict "keda.maxReplicas" (int .maxReplicas) }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
- "keda.minReplicas: is above maxReplicas"
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
- "autoscaling, keda: both would set the number of pods; enable one of them"
{{- end }}
{{- if and (or .Values.autoscaling.enabled .Values.keda.enabled) (not .Values.partitions) }}
- "partitions: required with autoscaling or keda; write how many partitions the topics have together, because a pod beyond that has nothing to do"
{{- end }}
{{- if .Values.partitions }}
{{- range $name, $pods := $most }}
{{- if gt $pods (int $.Values.partitions) }}
- {{ printf "%s: expected at most partitions (%d), because a pod beyond that has nothing to do; found %d" $name (int $.Values.partitions) $pods | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (ne (toString (.minAvailable | default "")) "") (ne (toString (.maxUnavailable | default "")) "") }}
- "podDisruptionBudget: takes minAvailable or maxUnavailable; set the other to null"
{{- end }}
{{- end }}
{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.serviceMonitor.enabled }}
- "metrics: podMonitor and serviceMonitor would count everything twice; enable one of them"
{{- end }}
{{- end }}
