{{/* What the agent's pods and the session collector's have in common. */}}

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
# Set by NVIDIA's GPU feature discovery and GPU operator; label nodes by hand where neither runs.
nodeSelector:
  kubernetes.io/os: linux
  {{- .Values.nodeSelector | default (dict "nvidia.com/gpu.present" "true") | toYaml | nindent 2 }}
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
