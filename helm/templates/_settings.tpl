{{/*
The settings file: `settings` of the values, and what the chart knows better: where it mounts what, and the port.
Secrets are named by the files they are mounted as.
*/}}
{{- define "profile-consumer.settings" -}}
{{- include "profile-consumer.validate" . }}
{{- $settings := deepCopy .Values.settings }}
{{- $_ := set $settings "schemas" "/etc/profile-consumer/schemas" }}
{{- $_ := set $settings "http" (mergeOverwrite (dict "port" 8080) ($settings.http | default dict)) }}
{{- $_ := set $settings "log" (mergeOverwrite (dict "format" "json") ($settings.log | default dict)) }}
{{- $kafka := $settings.kafka | default dict }}
{{- $properties := dict }}
{{- with .Values.kafkaTls }}
{{- if .existingSecret }}
{{- $folder := "/etc/profile-consumer/kafka-tls" }}
{{- if .caKey }}{{ $_ := set $properties "ssl.ca.location" (printf "%s/%s" $folder .caKey) }}{{ end }}
{{- if .certificateKey }}{{ $_ := set $properties "ssl.certificate.location" (printf "%s/%s" $folder .certificateKey) }}{{ end }}
{{- if .privateKeyKey }}{{ $_ := set $properties "ssl.key.location" (printf "%s/%s" $folder .privateKeyKey) }}{{ end }}
{{- end }}
{{- end }}
{{- $secrets := "/etc/profile-consumer/secrets" }}
{{- if include "profile-consumer.secretKey" (list . "kafkaPassword") }}
{{- $_ := set $properties "sasl.password" (dict "file" (printf "%s/kafka-password" $secrets)) }}
{{- end }}
{{- with mergeOverwrite $properties ($kafka.properties | default dict) }}
{{- $_ := set $kafka "properties" . }}
{{- end }}
{{- if include "profile-consumer.secretKey" (list . "token") }}
{{- $_ := set $settings.target "token_file" (printf "%s/token" $secrets) }}
{{- end }}
{{- if include "profile-consumer.secretKey" (list . "identityKey") }}
{{- $_ := set $settings.log "identity_key" (dict "file" (printf "%s/identity-key" $secrets)) }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* What the pods must be replaced for: settings, mappings, and a Kafka password of the values; the token is read again. */}}
{{- define "profile-consumer.checksum" -}}
{{- list (include "profile-consumer.settings" .) (toYaml .Values.mappings) .Values.secrets.kafkaPassword .Values.secrets.identityKey | toJson | sha256sum }}
{{- end }}
