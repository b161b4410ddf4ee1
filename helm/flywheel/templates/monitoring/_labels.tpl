{{/* Dashboards and alerts tell flywheels apart by `flywheel`, and find targets by `job`. */}}
{{- define "flywheel.monitoring.relabelings" -}}
- targetLabel: flywheel
  replacement: {{ .root.Values.loop.name }}
- targetLabel: job
  replacement: {{ .job }}
{{- end -}}
