{{/* relay.yaml as YAML: what the values come to, with relay.config over it. */}}
{{- define "tessera.relay.config" -}}
{{- $destinations := .Values.relay.remoteWrite }}
{{- if .Values.server.enabled }}{{ $destinations = prepend $destinations (include "tessera.relay.toServer" . | fromYaml) }}{{ end }}
{{- $config := dict "externalLabels" (dict "cluster" .Values.cluster) "globalInterval" "15s" "globalPath" "/metrics" "remoteWrite" $destinations }}
{{- if not .Values.relay.config.targets }}
{{- $builtin := dict "tesseraAgent" true "dcgmExporter" true "vllm" true "sglang" true }}
{{- with .Values.relay.namespaces }}{{ $_ := set $builtin "namespaceSelector" (dict "matchNames" .) }}{{ end }}
{{- $_ := set $config "builtinTargets" $builtin }}
{{- $_ := set $config "targets" (include "tessera.relay.ownTargets" . | fromYamlArray) }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.relay.config) | toYaml }}
{{- end }}

{{/* The server as a destination. What tells nothing of GPUs stays away from it. */}}
{{- define "tessera.relay.toServer" -}}
{{- $tls := .Values.server.tls.existingSecret -}}
name: tessera-server
url: {{ $tls | empty | ternary "http" "https" }}://{{ include "tessera.fullname" . }}-server.{{ .Release.Namespace }}:{{ .Values.server.service.port }}/k8s-monitor/api/v1/write
bearerTokenFile: /etc/tessera-keys/ingest-key
{{- if $tls }}
tls: {caFile: /etc/tessera-server-ca/ca.crt}
{{- end }}
writeRelabelConfigs:
  - {sourceLabels: [job], regex: tessera-(node-exporter|relay|server), action: drop}
{{- end }}

{{/* Relay and server themselves, for what alerts stand on; as far as relays may look. */}}
{{- define "tessera.relay.ownTargets" -}}
{{- if or (not .Values.relay.namespaces) (has .Release.Namespace .Values.relay.namespaces) }}
{{- $open := and .Values.server.enabled (dig "server" "access" "open-metrics" true .Values.server.config) }}
{{- range $program := $open | ternary (list "relay" "server") (list "relay") }}
- targetName: tessera-{{ $program }}
  type: PodMonitor
  namespaceSelector: {matchNames: [{{ $.Release.Namespace | quote }}]}
  selector:
    matchLabels:
      {{- include "tessera.selector" (list $ (print "tessera-" $program)) | nindent 6 }}
  endpoints:
    {{- if eq $program "relay" }}
    - port: "9411"
    {{- else }}
    - port: "8080"
      {{- if $.Values.server.tls.existingSecret }}
      scheme: https
      tlsConfig: {caFile: /etc/tessera-server-ca/ca.crt, serverName: {{ include "tessera.fullname" $ }}-server.{{ $.Release.Namespace }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}
