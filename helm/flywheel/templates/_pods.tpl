{{/* What all pods have: who they run as, what they may write to, how they reach the store. */}}

{{- define "flywheel.podSecurity" -}}
runAsNonRoot: true
{{- if .Values.podSecurity.fixedIds }}
runAsUser: {{ .Values.podSecurity.runAsUser }}
runAsGroup: {{ .Values.podSecurity.runAsGroup }}
fsGroup: {{ .Values.podSecurity.runAsGroup }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "flywheel.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "flywheel.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "flywheel.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The root is read-only: what programs keep at home or in folders for temporary files goes to /tmp. */}}
{{- define "flywheel.baseEnv" -}}
- {name: HOME, value: /tmp/home}
- {name: XDG_STATE_HOME, value: /tmp/state}
- {name: XDG_CACHE_HOME, value: /tmp/cache}
- {name: MPLCONFIGDIR, value: /tmp/matplotlib}
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
{{- end -}}

{{- define "flywheel.storeEnv" -}}
- {name: AWS_REGION, value: {{ .Values.store.region | quote }}}
{{- with include "flywheel.storeEndpoint" . }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with include "flywheel.storeSecret" . }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ include "flywheel.storeSecret" $ }}, key: {{ . }}}
{{- end }}
{{- end }}
{{- if .Values.store.caSecret }}
- {name: FLYWHEEL_S3_CA_FILE, value: /etc/flywheel/store/ca.crt}
{{- end }}
{{- end -}}

{{- define "flywheel.apiEnv" -}}
- name: FLYWHEEL_BOOTSTRAP_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ default (include "flywheel.apiSecret" .) .Values.api.token.existingSecret }}, key: token}
- name: FLYWHEEL_SIGNING_KEY
  valueFrom:
    secretKeyRef: {name: {{ default (include "flywheel.apiSecret" .) .Values.api.signingKey.existingSecret }}, key: signing-key}
{{- end -}}

{{- define "flywheel.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.store.caSecret }}
- {name: store-ca, mountPath: /etc/flywheel/store, readOnly: true}
{{- end }}
{{- end -}}

{{- define "flywheel.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.ray.tmpSize | quote }}
{{- if .Values.store.caSecret }}
- name: store-ca
  secret:
    secretName: {{ .Values.store.caSecret }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}

{{/* The pod template of a command on the store: component, command, resources, and what it gets beside. */}}
{{- define "flywheel.storePod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "flywheel.selectorLabels" (dict "root" $root "component" .component) | nindent 4 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "flywheel.serviceAccount" $root }}
  automountServiceAccountToken: false
  {{- include "flywheel.pullSecrets" $root | nindent 2 }}
  securityContext:
    {{- include "flywheel.podSecurity" $root | nindent 4 }}
  containers:
    - name: {{ .component }}
      image: {{ include "flywheel.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: {{ .command | toJson }}
      # What it says last is what `kubectl describe` shows of it.
      terminationMessagePolicy: FallbackToLogsOnError
      env:
        {{- include "flywheel.baseEnv" $root | nindent 8 }}
        {{- include "flywheel.storeEnv" $root | nindent 8 }}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "flywheel.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        {{- include "flywheel.mounts" $root | nindent 8 }}
        {{- with .caSecret }}
        - {name: backup-ca, mountPath: /etc/flywheel/backup, readOnly: true}
        {{- end }}
  volumes:
    {{- include "flywheel.volumes" $root | nindent 4 }}
    {{- with .caSecret }}
    - name: backup-ca
      secret:
        secretName: {{ . }}
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
{{- end -}}
