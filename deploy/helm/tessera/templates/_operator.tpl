{{/* What the operator's pods and the one that an uninstall begins with have in common. */}}
{{- define "tessera.operator.pod" -}}
serviceAccountName: {{ include "tessera.fullname" . }}-operator
enableServiceLinks: false
{{- with include "tessera.pullSecrets" . }}
{{ . }}
{{- end }}
nodeSelector:
  kubernetes.io/os: linux
  {{- with .Values.operator.nodeSelector }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "tessera.operator.container" -}}
image: {{ include "tessera.image" (list . ((.Values.operator.image) | default (dict "repository" "tessera-operator"))) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  {{- toYaml .Values.operator.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
{{- end }}
