{{- define "detour.labels" -}}
app.kubernetes.io/name: detour
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* An image reference of `image` (a component's image values), with `root`: by digest if there is one, and from imageRegistry if that is set. A
repository names a registry if its first part has a dot or a port or is localhost (https://github.com/distribution/reference). */}}
{{- define "detour.image" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.imageRegistry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $repository "") -}}
{{- end -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ required "an image needs a tag or a digest" .image.tag }}
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

{{/* Annotations of what the pod of `helm test` needs: there before it, gone after it. */}}
{{- define "detour.test.needs" -}}
helm.sh/hook: test
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
