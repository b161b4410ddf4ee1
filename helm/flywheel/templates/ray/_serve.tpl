{{/* What `flywheel serve-config` prints, but for defaults. As JSON: YAML would write large whole numbers as 1e+09. */}}
{{- define "flywheel.serveConfig" -}}
{{- $args := dict "config" .Values.loop "store" (include "flywheel.store" .) -}}
{{- $control := dict "name" "control" "route_prefix" "/" "import_path" "flywheel.hosting.control_app:application" "args" $args -}}
{{- $http := dict "host" "0.0.0.0" "port" (include "flywheel.port" . | int) -}}
{{- dict "proxy_location" "EveryNode" "http_options" $http "applications" (list $control) | toPrettyJson -}}
{{- end -}}
