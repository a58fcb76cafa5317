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
