{{- define "detour.labels" -}}
app.kubernetes.io/name: detour
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* An image reference of a component's image values: by digest if there is one. */}}
{{- define "detour.image" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ required "an image needs a tag or a digest" .tag }}
{{- end -}}
{{- end }}

{{/* The users as the API server names them. */}}
{{- define "detour.operator.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:detour-operator
{{- end }}

{{- define "detour.nodeAgent.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:detour-node-agent
{{- end }}

{{- define "detour.kubevirtController.user" -}}
system:serviceaccount:{{ .Values.kubevirt.namespace }}:kubevirt-controller
{{- end }}

{{/* A list for CEL, without its brackets. */}}
{{- define "detour.switchDrivers.users" -}}
{{- $users := list -}}
{{- range .Values.switchDrivers }}
{{- $users = append $users (printf "'system:serviceaccount:%s:%s'" .namespace .serviceAccount) -}}
{{- end }}
{{- join ", " $users -}}
{{- end }}
