{{- define "do-app-exporter.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end -}}

{{- define "do-app-exporter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "do-app-exporter.labels" -}}
{{ include "do-app-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The configuration file: the values' `config`, with what the chart itself knows laid over it. */}}
{{- define "do-app-exporter.config" -}}
{{- $known := dict "digitalocean" (dict "token_file" "/run/secrets/do-app-exporter/token") "web" (dict "listen_addresses" (list ":10046")) -}}
{{- if .Values.persistence.enabled -}}
{{- $_ := set $known "state" (dict "url" "sqlite:///var/lib/do-app-exporter/state.db") -}}
{{- end -}}
{{- if .Values.webConfig.existingSecret -}}
{{- $_ := set (get $known "web") "config_file" "/run/secrets/do-app-exporter-web/web.yml" -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $known) -}}
{{- end -}}
