{{/*
What the policies of the lock have in common. Their parameters are the AttachmentSwitches of the request's namespace: a policy is
evaluated once for each.

locked      the switch locks its virtual machine
restarting  the guest is on the destination and waits for a restart, as the operator may not act as KubeVirt's controller:
            then only live migrations and changes of the volume are refused
*/}}
{{- define "detour.lock.variables" -}}
- name: locked
  expression: params.?status.?compute.?locked.orValue(false)
- name: restarting
  expression: >-
    params.?status.?compute.?handover.orValue('') == 'NotPermitted'
    && params.?status.?position.orValue('') == 'Destination'
- name: why
  expression: >-
    'its disk ' + params.spec.volume + ' is being moved by AttachmentSwitch ' + params.metadata.name
    + ' (of the VolumeMigration of that name, if Detour made it). '
    + (variables.restarting ? 'Restart the machine first: its instance still names the source.'
    : 'Wait until that has ended, or cancel it with spec.cancel.')
{{- end }}

{{- define "detour.lock.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels: {{- include "detour.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  # The switches of the request's own namespace; where there is none, nothing is locked.
  paramRef:
    selector: {}
    parameterNotFoundAction: Allow
{{- end }}
