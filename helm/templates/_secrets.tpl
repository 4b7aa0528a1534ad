{{/* Whether a secret (token, kafkaPassword, identityKey) is there, and under which key of which Secret. */}}
{{- define "profile-consumer.secretKey" -}}
{{- $ := first . }}
{{- $secret := index . 1 }}
{{- if $.Values.secrets.existingSecret }}
{{- get $.Values.secrets.keys $secret }}
{{- else if get $.Values.secrets $secret }}
{{- get (dict "token" "token" "kafkaPassword" "kafka-password" "identityKey" "identity-key") $secret }}
{{- end }}
{{- end }}

{{- define "profile-consumer.secretName" -}}
{{- default (include "profile-consumer.fullname" .) .Values.secrets.existingSecret }}
{{- end }}

{{/* What to mount of the Secret: the file's name for each secret that is there, as YAML items; empty without any. */}}
{{- define "profile-consumer.secretItems" -}}
{{- range $secret, $file := dict "token" "token" "kafkaPassword" "kafka-password" "identityKey" "identity-key" }}
{{- with include "profile-consumer.secretKey" (list $ $secret) }}
- {key: {{ . | quote }}, path: {{ $file | quote }}}
{{- end }}
{{- end }}
{{- end }}
