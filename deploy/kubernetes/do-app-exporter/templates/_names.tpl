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

{{/* Not empty where state lies on a volume. */}}
{{- define "do-app-exporter.volume" -}}
{{- if and .Values.persistence.enabled (not .Values.state.existingSecret) }}yes{{ end -}}
{{- end -}}

{{/* A file of the project, its links to runbooks as the values have them: (list root path). */}}
{{- define "do-app-exporter.file" -}}
{{- $root := first . -}}
{{- $text := $root.Files.Get (last .) -}}
{{- with $root.Values.runbookUrl -}}
{{- $text = $text | replace "https://github.com/do-app-exporter/do-app-exporter/blob/main/docs/runbooks" (trimSuffix "/" .) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* How the exporter is spoken to. */}}
{{- define "do-app-exporter.scheme" -}}
{{- if and .Values.webConfig.existingSecret .Values.webConfig.tls }}https{{ else }}http{{ end -}}
{{- end -}}

{{/* The configuration file: the values' `config`, with what the chart itself knows laid over it. */}}
{{- define "do-app-exporter.config" -}}
{{- $known := dict "web" (dict "listen_addresses" (list ":10046")) -}}
{{- if .Values.accounts -}}
{{- $accounts := list -}}
{{- range .Values.accounts -}}
{{- $accounts = append $accounts (dict "name" .name "token_file" (printf "/run/secrets/do-app-exporter/%s" .name)) -}}
{{- end -}}
{{- $_ := set $known "accounts" $accounts -}}
{{- else -}}
{{- $_ := set $known "digitalocean" (dict "token_file" "/run/secrets/do-app-exporter/token") -}}
{{- end -}}
{{- if include "do-app-exporter.volume" . -}}
{{- $_ := set $known "state" (dict "url" "sqlite:///var/lib/do-app-exporter/state.db") -}}
{{- end -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- $_ := set $known "replicas" (dict "enabled" true "shares" .Values.shares) -}}
{{- end -}}
{{- if .Values.webConfig.existingSecret -}}
{{- $_ := set (get $known "web") "config_file" "/run/secrets/do-app-exporter-web/web.yml" -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $known) -}}
{{- end -}}
