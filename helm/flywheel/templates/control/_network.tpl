{{/* Parts of NetworkPolicies. */}}

{{- define "flywheel.network.dns" -}}
- to:
    - namespaceSelector: {}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "flywheel.network.storage" -}}
{{- if .Values.seaweedfs.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "flywheel.selectorLabels" (dict "root" . "component" "storage") | nindent 10 }}
  ports:
    - {port: 8333, protocol: TCP}
{{- else if .Values.store.endpoint }}
- ports:
    - {port: {{ include "flywheel.portOf" .Values.store.endpoint }}, protocol: TCP}
{{- end }}
{{- end -}}

{{- define "flywheel.network.rayPods" -}}
podSelector:
  matchLabels:
    {{- include "flywheel.selectorLabels" (dict "root" .) | nindent 4 }}
    flywheel.dev/ray: "true"
{{- end -}}
