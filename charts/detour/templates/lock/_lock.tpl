{{/*
What the policies of the lock have in common. Their parameters are the AttachmentSwitches of the request's namespace: a policy is
evaluated once for each.

locked      the switch locks its virtual machine
restarting  the guest is on the destination and waits for a restart, as the operator may not act as KubeVirt's controller:
            then only live migrations and changes of the volume are refused
migration   whether Detour itself drives the switch, for the message alone
*/}}
{{- define "detour.lock.variables" -}}
- name: locked
  expression: params.?status.?compute.?locked.orValue(false)
- name: restarting
  expression: >-
    params.?status.?compute.?handover.orValue('') == 'NotPermitted'
    && params.?status.?position.orValue('') == 'Destination'
# Any controller may drive a switch; Detour's own are owned by their VolumeMigrations.
- name: migration
  expression: params.metadata.?ownerReferences.orValue([]).exists(owner, owner.kind == 'VolumeMigration')
- name: why
  expression: >-
    'its disk ' + params.spec.volume + ' is being moved by AttachmentSwitch ' + params.metadata.name
    + (variables.migration ? ' of the VolumeMigration of that name. ' : ' of a storage controller. ')
    + (variables.restarting ? 'Restart the machine first: its instance still names the source.'
    : 'Wait until that has ended, or cancel it with '
    + (variables.migration ? 'spec.cancel.' : 'spec.position Source of the AttachmentSwitch.'))
{{- end }}

{{/* The claims of the disk: the source, the destination once the caller has named it, and the overlay's if it has one. */}}
{{- define "detour.lock.claims" -}}
- name: claims
  expression: >-
    [params.?status.?compute.?sourceClaim.?name.orValue(''), params.?spec.?destination.?claimName.orValue(''),
    params.?status.?compute.?overlayClaim.?name.orValue('')]
    .filter(name, name != '')
{{- end }}

{{/* By the last the operator finds policies and bindings, to see whether all are in force. */}}
{{- define "detour.lock.labels" -}}
{{ include "detour.labels" . }}
detour.dev/component: lock
{{- end }}

{{/* Of the policy `name`; with `all` of one without parameters. */}}
{{- define "detour.lock.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels: {{- include "detour.lock.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  {{- if not .all }}
  # The switches of the request's own namespace; where there is none, nothing is locked.
  paramRef:
    selector: {}
    parameterNotFoundAction: Allow
  {{- end }}
{{- end }}
