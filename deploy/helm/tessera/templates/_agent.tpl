{{/* What the agent's pods and the session collector's have in common. */}}

{{/* The label of a node with an NVIDIA GPU, by who sets it: GPU feature discovery and the GPU operator, node feature discovery,
three clouds. Label nodes by hand where none of them does. Terms of a node selector, of which one must hold. */}}
{{- define "tessera.gpuNodes" -}}
- matchExpressions:
    - {key: nvidia.com/gpu.present, operator: In, values: ["true"]}
- matchExpressions:
    - {key: feature.node.kubernetes.io/pci-10de.present, operator: In, values: ["true"]}
- matchExpressions:
    - {key: cloud.google.com/gke-accelerator, operator: Exists}
- matchExpressions:
    - {key: k8s.amazonaws.com/accelerator, operator: Exists}
- matchExpressions:
    - {key: kubernetes.azure.com/accelerator, operator: In, values: [nvidia]}
{{- end }}

{{/* tessera.agent.affinity (list . NODE): to the GPU nodes unless values name others, or to the node of that name. */}}
{{- define "tessera.agent.affinity" -}}
{{- $root := first . }}{{ $node := last . -}}
{{- if or $node (not $root.Values.nodeSelector) -}}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        {{- if $node }}
        - matchFields:
            - {key: metadata.name, operator: In, values: [{{ $node | quote }}]}
        {{- else }}
        {{- include "tessera.gpuNodes" $root | nindent 8 }}
        {{- end }}
{{- end }}
{{- end }}

{{/* Where they run, and what they see of the node. */}}
{{- define "tessera.agent.pod" -}}
serviceAccountName: {{ include "tessera.fullname" . }}-agent
automountServiceAccountToken: false
enableServiceLinks: false
# The driver's PIDs are the host's: without this there are device metrics only.
hostPID: true
{{- with include "tessera.pullSecrets" . }}
{{ . }}
{{- end }}
{{- with .Values.agent.runtimeClassName }}
runtimeClassName: {{ . }}
{{- else }}
# Where the nvidia runtime is not the default one, add: runtimeClassName: nvidia
{{- end }}
nodeSelector:
  kubernetes.io/os: linux
  {{- with .Values.nodeSelector }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tessera.agent.environment" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: NVIDIA_VISIBLE_DEVICES
  value: all
- name: NVIDIA_DRIVER_CAPABILITIES
  value: utility
{{- if .Values.agent.migMonitor }}
- name: NVIDIA_MIG_MONITOR_DEVICES
  value: all
{{- end }}
{{- with .Values.agent.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tessera.agent.security" -}}
runAsUser: 0
runAsGroup: 0
# The API server refuses false beside SYS_ADMIN.
allowPrivilegeEscalation: {{ .Values.agent.migMonitor }}
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
  {{- if .Values.agent.migMonitor }}
  add: ["SYS_ADMIN"]
  {{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tessera.agent.mounts" -}}
# Directories, not the socket: the kubelet makes a new socket when it restarts.
- name: pod-resources
  mountPath: /var/lib/kubelet/pod-resources
  readOnly: true
- name: pod-logs
  mountPath: /var/log/pods
  readOnly: true
- name: container-logs
  mountPath: /var/log/containers
  readOnly: true
{{- end }}

{{- define "tessera.agent.volumes" -}}
- name: pod-resources
  hostPath:
    path: /var/lib/kubelet/pod-resources
    type: Directory
# Made where they are missing: a node whose logs go elsewhere still has its agent, and tessera_agent_blind says so.
- name: pod-logs
  hostPath:
    path: /var/log/pods
    type: DirectoryOrCreate
- name: container-logs
  hostPath:
    path: /var/log/containers
    type: DirectoryOrCreate
{{- end }}

{{/* The folder that node_exporter reads. */}}
{{- define "tessera.textfile.mount" -}}
- name: textfile
  mountPath: {{ .Values.collection.directory }}
{{- end }}

{{- define "tessera.textfile.volume" -}}
- name: textfile
  hostPath:
    path: {{ .Values.collection.directory }}
    type: DirectoryOrCreate
{{- end }}

{{- define "tessera.textfile.flag" -}}
--textfile={{ trimSuffix "/" .Values.collection.directory }}/gpu_sessions.prom
{{- end }}

{{/* Which of the two writes the file: "daemonset", "cronjob", or nothing where sessions go into none. */}}
{{- define "tessera.sessions" -}}
{{- if index .Values "gpu-session-monitoring" "enabled" }}{{ .Values.collection.mode }}{{ end -}}
{{- end }}

{{/* Whether MIG layouts are carried out: "true", or nothing. Values of an older release (--reuse-values) have nothing of it. */}}
{{- define "tessera.layout" -}}
{{- if and .Values.agent.enabled (.Values.agent.layout).enabled }}true{{ end -}}
{{- end }}

{{/* What carries them out: a container beside the agent. */}}
{{- define "tessera.layout.container" -}}
{{- $tls := .Values.server.tls.existingSecret -}}
- name: layout
  image: {{ include "tessera.image" (list . .Values.agent.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    - layout
    - --server={{ $tls | empty | ternary "http" "https" }}://{{ include "tessera.fullname" . }}-server.{{ .Release.Namespace }}:{{ .Values.server.service.port }}
    - --token-file=/var/run/secrets/tessera/token
    - {{ print "--cluster=" .Values.cluster | quote }}
    {{- with .Values.agent.layout.windows }}
    - --window={{ join "," . }}
    {{- end }}
    {{- if .Values.agent.layout.dryRun }}
    - --dry-run
    {{- end }}
    {{- if $tls }}
    - --ca-file=/etc/tessera-server-ca/ca.crt
    {{- end }}
  env:
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    - name: NVIDIA_VISIBLE_DEVICES
      value: all
    - name: NVIDIA_DRIVER_CAPABILITIES
      value: utility
    - name: NVIDIA_MIG_CONFIG_DEVICES
      value: all
  {{- with .Values.agent.layout.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    # The driver lets only root with SYS_ADMIN change MIG, and device nodes of new instances come while it runs.
    privileged: true
    readOnlyRootFilesystem: true
    runAsUser: 0
    runAsGroup: 0
  volumeMounts:
    - name: pod-resources
      mountPath: /var/lib/kubelet/pod-resources
      readOnly: true
    - name: dev
      mountPath: /dev
    - name: layout
      mountPath: /var/lib/tessera-agent
    - name: layout-token
      mountPath: /var/run/secrets/tessera
      readOnly: true
    {{- if $tls }}
    - name: server-ca
      mountPath: /etc/tessera-server-ca
      readOnly: true
    {{- end }}
{{- end }}

{{- define "tessera.layout.volumes" -}}
- name: dev
  hostPath:
    path: /dev
    type: Directory
# The newest document that was acted on, so that no older one is taken after a restart.
- name: layout
  hostPath:
    path: /var/lib/tessera-agent
    type: DirectoryOrCreate
# Made for the server alone: the API server tells it which node the pod is on.
- name: layout-token
  projected:
    sources:
      - serviceAccountToken:
          audience: tessera
          expirationSeconds: 3600
          path: token
{{- with .Values.server.tls.existingSecret }}
- name: server-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    optional: true # the agent beside it goes on without
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}
