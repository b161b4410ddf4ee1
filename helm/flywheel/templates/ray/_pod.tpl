{{/* The pod template of a group: role, group (its values), image, more ports, and what the container gets beside. */}}
{{- define "flywheel.ray.pod" -}}
{{- $root := .root -}}
{{- $ray := $root.Values.ray -}}
metadata:
  labels:
    {{- include "flywheel.selectorLabels" (dict "root" $root "component" .role) | nindent 4 }}
    flywheel.dev/ray: "true"
  {{- with .group.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "flywheel.serviceAccount" $root }}
  # The autoscaler beside the head asks Kubernetes for pods; nobody else asks it anything.
  automountServiceAccountToken: {{ and (eq .role "head") $ray.autoscaling }}
  terminationGracePeriodSeconds: {{ $ray.terminationGracePeriodSeconds }}
  {{- include "flywheel.pullSecrets" $root | nindent 2 }}
  {{- include "flywheel.placement" .group | nindent 2 }}
  securityContext:
    {{- include "flywheel.podSecurity" $root | nindent 4 }}
  {{- if and $root.Values.topologySpread.enabled (ne .role "head") }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: {{ $root.Values.topologySpread.topologyKey }}
      whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "flywheel.selectorLabels" (dict "root" $root "component" .role) | nindent 10 }}
  {{- end }}
  containers:
    - name: ray
      image: {{ .image }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      env:
        {{- include "flywheel.baseEnv" $root | nindent 8 }}
        {{- include "flywheel.storeEnv" $root | nindent 8 }}
        {{- include "flywheel.apiEnv" $root | nindent 8 }}
        {{- with $ray.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if eq .role "head" }}
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        {{- end }}
        - {name: metrics, containerPort: 8080}
        - {name: serve, containerPort: {{ include "flywheel.port" $root }}}
      {{- include "flywheel.ray.probes" . | nindent 6 }}
      {{- if eq .role "head" }}
      lifecycle:
        preStop:
          # Another service goes on at once, and what fails while pods end is not taken for a failure.
          exec: {command: [python, -m, flywheel.hosting.leaving, "127.0.0.1:6379"]}
      {{- end }}
      resources:
        {{- include "flywheel.ray.resources" . | nindent 8 }}
      securityContext:
        {{- include "flywheel.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        {{- include "flywheel.mounts" $root | nindent 8 }}
        - {name: shm, mountPath: /dev/shm}
  volumes:
    {{- include "flywheel.volumes" $root | nindent 4 }}
    - name: shm
      emptyDir: {medium: Memory, sizeLimit: {{ $ray.shmSize | quote }}}
{{- end -}}

{{/* Over HTTP, where KubeRay's own need wget in the image. Ray asks for no token there. */}}
{{- define "flywheel.ray.probes" -}}
{{- $raylet := dict "path" "/api/local_raylet_healthz" "port" 52365 -}}
{{- $gcs := dict "path" "/api/gcs_healthz" "port" 8265 -}}
startupProbe:
  httpGet: {{ $raylet | toJson }}
  periodSeconds: 5
  failureThreshold: 60
  timeoutSeconds: 5
readinessProbe:
  httpGet: {{ ternary $gcs $raylet (eq .role "head") | toJson }}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {{ $raylet | toJson }}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 12
{{- end -}}

{{- define "flywheel.ray.resources" -}}
{{- $resources := deepCopy .group.resources -}}
{{- if and (eq .role "train") .group.gpus -}}
{{- $gpu := dict .group.gpuResource (int .group.gpus) -}}
{{- range $part := list "requests" "limits" -}}
{{- $_ := set $resources $part (merge (deepCopy $gpu) (get $resources $part | default dict)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Bytes. Ray itself would take a share of the limit of memory, and a folder on disk where that is more than there is. */}}
{{- define "flywheel.ray.objectStore" -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $size := .Values.ray.shmSize -}}
{{- mulf (regexFind "^[0-9.]+" $size | float64) (get $units (regexFind "[A-Za-z]*$" $size)) 0.9 | int64 -}}
{{- end -}}
