{{/* What the values come to as a GpuMonitor, in operator mode. */}}

{{/* Whether the operator makes the objects of agent, relay and server: "true", or nothing in plain mode. Values of an older release
(--reuse-values) may have nothing of it. */}}
{{- define "tessera.operator" -}}
{{- if (.Values.operator).enabled }}true{{ end -}}
{{- end }}

{{/* tessera.plain (list . "agent"): "true" where the chart itself has the objects of that program. */}}
{{- define "tessera.plain" -}}
{{- $root := first . -}}
{{- if and (index $root.Values (last .) "enabled") (not (include "tessera.operator" $root)) }}true{{ end -}}
{{- end }}

{{- define "tessera.monitor.name" -}}
{{- ((.Values.operator).monitor).name | default (include "tessera.fullname" .) -}}
{{- end }}

{{/* tessera.monitor.workload (list . "relay"): what every workload may be told of where it runs, and its image where that is
not the operator's own version of it. */}}
{{- define "tessera.monitor.workload" -}}
{{- $root := index . 0 }}{{ $program := index . 1 }}{{ $values := index $root.Values $program -}}
{{- if or $values.image.digest $root.Values.image.tag (ne $values.image.repository (print "tessera-" $program)) }}
image: {{ include "tessera.image" (list $root $values.image) }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
{{- if not (include "tessera.scraped" (list $root 0)) }}
# A PodMonitor or ServiceMonitor has it scraped.
annotations: {prometheus.io/scrape: "false"}
{{- end }}
{{- $places := ternary $root.Values $values (eq $program "agent") }}
{{- with $places.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $places.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tessera.monitor.agent" -}}
{{- with .Values.agent -}}
nodeAgent:
  enabled: {{ .enabled }}
  nodeMetrics:
    exporter: none
  {{- with .runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- if hasKey . "priorityClassName" }}
  priorityClassName: {{ .priorityClassName | quote }}
  {{- end }}
  {{- with .env }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "tessera.monitor.workload" (list $ "agent") | trim | nindent 2 }}
gpuMonitoring:
  enabled: {{ .enabled }}
  mig:
    monitorDevices: {{ .migMonitor }}
    {{- with .layout }}
    layout:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- with .metricsCsv }}
  metricsCsv: |
    {{- . | nindent 4 }}
  {{- end }}
  {{- if eq (include "tessera.sessions" $) "daemonset" }}
  sessions:
    textfileDirectory: {{ $.Values.collection.directory }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tessera.monitor.relay" -}}
{{- with .Values.relay -}}
enabled: {{ .enabled }}
replicas: {{ .replicas }}
{{- with pick .config "globalInterval" "globalPath" "targets" "builtinTargets" }}
{{ toYaml . }}
{{- end }}
{{- with omit .config "globalInterval" "globalPath" "targets" "builtinTargets" }}
settings:
  {{- toYaml . | nindent 2 }}
{{- end }}
queue:
  {{- include "tessera.monitor.volume" .storage | nindent 2 }}
{{- include "tessera.monitor.workload" (list $ "relay") | trim | nindent 0 }}
{{- end }}
{{- end }}

{{- define "tessera.monitor.volume" -}}
size: {{ .size }}
{{- with .className }}
storageClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "tessera.monitor.server" -}}
{{- with .Values.server -}}
server:
  enabled: {{ .enabled }}
  replicas: {{ .replicas }}
  serviceType: {{ .service.type }}
  {{- with .keys.existingSecret }}
  adminKeySecret: {name: {{ . }}, key: admin-key}
  ingestKeySecret: {name: {{ . }}, key: ingest-key}
  {{- end }}
  {{- with .tls.existingSecret }}
  tlsSecret: {{ . }}
  {{- end }}
  {{- if and .enabled (.admission).enabled }}
  admission:
    enabled: true
    {{- with (.admission.certManager).issuerRef }}
    certManager:
      issuerRef:
        {{- toYaml . | nindent 8 }}
    {{- end }}
  {{- end }}
  {{- with .config }}
  settings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "tessera.monitor.workload" (list $ "server") | trim | nindent 2 }}
storage:
  {{- $database := include "tessera.databaseSecret" $ }}
  type: {{ $database | empty | ternary "sqlite" "postgresql" }}
  {{- with $database }}
  urlSecret: {name: {{ . }}, key: url}
  {{- end }}
  {{- if and .storage.existingClaim (not $database) }}
  existingClaim: {{ .storage.existingClaim }}
  {{- end }}
  volume:
    {{- include "tessera.monitor.volume" .storage | nindent 4 }}
{{- end }}
{{- end }}

{{/* remoteWrite in the resource's words; tessera.monitor.refuse has refused those that it has none for. */}}
{{- define "tessera.monitor.remoteWrite" -}}
{{- range . }}
- {{ omit . "writeRelabelConfigs" | toYaml | nindent 2 | trim }}
  {{- with .writeRelabelConfigs }}
  writeRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Values that a GpuMonitor has no place for must not be passed over. */}}
{{- define "tessera.monitor.refuse" -}}
{{- $v := .Values }}
{{- $refused := dict
  "agent.args" $v.agent.args
  "relay.config.remoteWrite" $v.relay.config.remoteWrite
  "relay.namespaces" $v.relay.namespaces
  "relay.existingSecret" $v.relay.existingSecret
  "server.alertActions.nodes" ($v.server.alertActions).nodes
  "server.admission.existingSecret" ($v.server.admission).existingSecret
  "server.admission.caBundle" ($v.server.admission).caBundle
  "server.service.port" (ne (int $v.server.service.port) 8080)
  "networkPolicy.from" $v.networkPolicy.from }}
{{- range $name, $set := $refused }}
{{- if $set }}{{ fail (printf "operator.enabled: true, and %s is set, which the operator has no place for: see operator.monitor.spec for what it has, or set operator.enabled: false" $name) }}{{ end }}
{{- end }}
{{- $place := "operator.monitor.spec.features.openAgent" }}
{{- range $v.relay.config.targets }}
{{- range $key := keys (omit . "targetName" "type" "enabled" "namespaceSelector" "selector" "addresses" "endpoints" "relabelConfigs" "metricRelabelConfigs") }}
{{- fail (printf "operator.enabled: true, and a target of relay.config.targets has the key %s, which a GpuMonitor has otherwise: write the target in %s.targets" $key $place) }}
{{- end }}
{{- range .endpoints }}
{{- range $key := keys (omit . "port" "path" "interval" "scrapeTimeout" "scheme" "params" "honorLabels" "addNodeLabel" "relabelings" "metricRelabelings" "tlsConfig") }}
{{- fail (printf "operator.enabled: true, and an endpoint of relay.config.targets has the key %s, which a GpuMonitor has otherwise: write the target in %s.targets" $key $place) }}
{{- end }}
{{- range $key := keys (omit (.tlsConfig | default dict) "insecureSkipVerify" "serverName") }}
{{- fail (printf "operator.enabled: true, and tlsConfig in relay.config.targets has the key %s, which a GpuMonitor has otherwise: write the target in %s.targets" $key $place) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key := keys (omit ($v.relay.config.builtinTargets | default dict) "tesseraAgent" "dcgmExporter" "vllm" "sglang") }}
{{- fail (printf "operator.enabled: true, and relay.config.builtinTargets has the key %s: write it in %s.settings" $key $place) }}
{{- end }}
{{- range $v.relay.remoteWrite }}
{{- range $key := keys (omit . "name" "url" "headers" "writeRelabelConfigs") }}
{{- fail (printf "operator.enabled: true, and relay.remoteWrite has the key %s, which stands in files of the relay: name its Secret in operator.monitor.spec.remoteWrite" $key) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The spec as YAML, with operator.monitor.spec over it. */}}
{{- define "tessera.monitor.spec" -}}
{{- $features := dict
  "openAgent" (include "tessera.monitor.relay" . | fromYaml)
  "k8sAgent" (merge (dict "masterAgent" (dict "enabled" .Values.server.enabled)) (include "tessera.monitor.agent" . | fromYaml)) }}
{{- $images := dict "pullPolicy" .Values.image.pullPolicy }}
{{- with .Values.image.registry }}{{ $_ := set $images "registry" (trimSuffix "/" .) }}{{ end }}
{{- if .Values.image.pullSecrets }}
{{- $names := list }}
{{- range .Values.image.pullSecrets }}{{ $names = append $names .name }}{{ end }}
{{- $_ := set $images "pullSecrets" $names }}
{{- end }}
{{- $spec := dict
  "namespace" .Release.Namespace
  "clusterName" .Values.cluster
  "images" $images
  "networkPolicies" .Values.networkPolicy.enabled
  "features" $features
  "promql" (dict "bundled" "none") }}
{{- $spec = merge $spec (include "tessera.monitor.server" . | fromYaml) }}
{{- with .Values.relay.remoteWrite }}{{ $_ := set $spec "remoteWrite" (include "tessera.monitor.remoteWrite" . | fromYamlArray) }}{{ end }}
{{- mergeOverwrite $spec (deepCopy (((.Values.operator).monitor).spec | default dict)) | toYaml }}
{{- end }}
