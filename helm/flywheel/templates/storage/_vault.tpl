{{/* How a backup reaches the vault, where that is not as the store is reached. No other pod is told. */}}
{{- define "flywheel.vaultEnv" -}}
{{- $backup := .Values.backup -}}
{{- if or $backup.existingSecret $backup.endpoint $backup.region }}
- {name: FLYWHEEL_BACKUP_AWS_REGION, value: {{ default .Values.store.region $backup.region | quote }}}
{{- with default (include "flywheel.storeEndpoint" .) $backup.endpoint }}
- {name: FLYWHEEL_BACKUP_AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with default (include "flywheel.storeSecret" .) $backup.existingSecret }}
{{- $secret := . }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: FLYWHEEL_BACKUP_{{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
{{- if $backup.caSecret }}
- {name: FLYWHEEL_BACKUP_S3_CA_FILE, value: /etc/flywheel/backup/ca.crt}
{{- end }}
{{- end -}}
