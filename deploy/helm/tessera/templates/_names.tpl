{{/* What all objects are named after: a Service's name begins with a letter and has no dots, and a StatefulSet's pods have a label
NAME-HASH of at most 63. */}}
{{- define "tessera.fullname" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $name := contains "tessera" $release | ternary $release (printf "%s-tessera" $release) -}}
{{- if regexMatch "^[0-9]" $name }}{{ $name = printf "tessera-%s" (trimSuffix "-tessera" $name) }}{{ end -}}
{{- .Values.fullnameOverride | default $name | trunc 45 | trimSuffix "-" -}}
{{- end }}

{{/* tessera.selector (list . "tessera-agent"): what tells a program's pods from others, whoever makes them. The relay finds agents by
the first label. */}}
{{- define "tessera.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ last . }}
{{- if and (include "tessera.operator" $root) (has (last .) (list "tessera-agent" "tessera-relay" "tessera-server")) }}
app.kubernetes.io/instance: {{ include "tessera.monitor.name" $root }}
{{- else }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end }}
{{- end }}

{{- define "tessera.labels" -}}
{{ include "tessera.selector" . }}
app.kubernetes.io/part-of: tessera
{{- end }}

{{/* tessera.image (list . .Values.agent.image) */}}
{{- define "tessera.image" -}}
{{- $root := first . }}{{ $image := last . -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "tessera.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* tessera.scraped (list . port): for a Prometheus that goes by annotations. */}}
{{- define "tessera.scraped" -}}
{{- if not (or ((first .).Values.podMonitor).enabled ((first .).Values.serviceMonitor).enabled) -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ last . | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end }}

{{/* tessera.networkPolicy (list . "tessera-agent" "agent" port reaches ["admission"]): the port is open to those whom the values name;
the last one to everybody, for API servers call from the nodes that they run on. */}}
{{- define "tessera.networkPolicy" -}}
{{- $root := index . 0 }}{{ $program := index . 1 }}{{ $port := index . 2 }}{{ $reaches := index . 3 -}}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "tessera.fullname" $root }}-{{ $program }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "tessera.labels" (list $root (print "tessera-" $program)) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tessera.selector" (list $root (print "tessera-" $program)) | nindent 6 }}
  policyTypes: [Ingress{{ if not $reaches }}, Egress{{ end }}]
  ingress:
    - ports:
        - port: {{ $port }}
          protocol: TCP
      {{- with $root.Values.networkPolicy.from }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- if gt (len .) 4 }}
    {{- with index . 4 }}
    - ports:
        - port: {{ . }}
          protocol: TCP
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "tessera.disruptionBudget" -}}
{{- $root := index . 0 }}{{ $program := index . 1 -}}
---
apiVersion: policy/v1{{ if semverCompare "<1.21-0" $root.Capabilities.KubeVersion.Version }}beta1{{ end }}
kind: PodDisruptionBudget
metadata:
  name: {{ include "tessera.fullname" $root }}-{{ $program }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "tessera.labels" (list $root (print "tessera-" $program)) | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "tessera.selector" (list $root (print "tessera-" $program)) | nindent 6 }}
{{- end }}

{{/* tessera.binding (list . "relay" "Role" NAME NAMESPACE): gives the program's account the role of that name. */}}
{{- define "tessera.binding" -}}
{{- $root := index . 0 }}{{ $program := index . 1 }}{{ $kind := index . 2 }}{{ $name := index . 3 }}{{ $namespace := index . 4 -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "tessera.labels" (list $root (print "tessera-" $program)) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "tessera.fullname" $root }}-{{ $program }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{/* Where the device plugin is restarted; nothing where that is off, or where the cluster, if it can be asked, has no such namespace. */}}
{{- define "tessera.pluginNamespace.said" -}}
{{- $layout := .Values.agent.layout | default dict -}}
{{- hasKey $layout "devicePluginNamespace" | ternary $layout.devicePluginNamespace "gpu-operator" -}}
{{- end }}

{{- define "tessera.pluginNamespace" -}}
{{- $space := include "tessera.pluginNamespace.said" . -}}
{{- if and $space (include "tessera.layout" .) -}}
{{- $asked := lookup "v1" "Namespace" "" "kube-system" -}}
{{- if or (not $asked) (eq $space .Release.Namespace) (lookup "v1" "Namespace" "" $space) }}{{ $space }}{{ end -}}
{{- end -}}
{{- end }}

{{/* The Secret with the certificate of the admission webhook; nothing where that is off. Values of an older release (--reuse-values) have
nothing of it. */}}
{{- define "tessera.admission" -}}
{{- with .Values.server.admission }}
{{- if and $.Values.server.enabled .enabled }}
{{- .existingSecret | default (printf "%s-server-admission" (include "tessera.fullname" $)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the url of the server's PostgreSQL; nothing where it has SQLite. */}}
{{- define "tessera.databaseSecret" -}}
{{- if (.Values.database).enabled }}
{{- .Values.database.existingSecret | default (printf "%s-database" (include "tessera.fullname" .)) }}
{{- else }}
{{- .Values.server.database.existingSecret }}
{{- end }}
{{- end }}

{{/* The values of database, whole: those of an older release (--reuse-values) may have no more than that it is enabled. */}}
{{- define "tessera.database" -}}
{{- $whole := dict
  "image" (dict "registry" "docker.io" "repository" "library/postgres" "tag" "16" "digest" "")
  "storage" (dict "size" "20Gi" "className" "")
  "resources" (dict "requests" (dict "cpu" "100m" "memory" "256Mi") "limits" (dict "memory" "2Gi")) -}}
{{- mergeOverwrite $whole (deepCopy .Values.database) | toYaml -}}
{{- end }}

{{/* An API key in the form of `tessera-server keys generate`: eight letters, and 32 random bytes in base64url. */}}
{{- define "tessera.newKey" -}}
tsk_{{ randAlpha 8 | lower }}_{{ randBytes 32 | replace "+" "-" | replace "/" "_" | trimSuffix "=" }}
{{- end }}
