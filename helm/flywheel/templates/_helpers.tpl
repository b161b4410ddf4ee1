{{/* Names, labels, images. */}}

{{- define "flywheel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* KubeRay adds to it what makes names longer: 40 characters leave room. */}}
{{- define "flywheel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "flywheel.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "flywheel.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of one component, or of all where none is given. Versions are not among them: they would make new pods. */}}
{{- define "flywheel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "flywheel.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "flywheel.labels" -}}
{{ include "flywheel.selectorLabels" . }}
app.kubernetes.io/part-of: flywheel
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "flywheel.metadata" -}}
name: {{ include "flywheel.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "flywheel.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "flywheel.imageOf" -}}
{{- with .root.Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}

{{- define "flywheel.image" -}}
{{- $image := .Values.image -}}
{{- include "flywheel.imageOf" (dict "root" . "repository" $image.repository "tag" (default .Chart.AppVersion $image.tag) "digest" $image.digest) -}}
{{- end -}}

{{/* The pods' of training, which may need CUDA. */}}
{{- define "flywheel.trainImage" -}}
{{- $image := .Values.image -}}
{{- $train := .Values.ray.train -}}
{{- if or $train.imageTag $train.imageDigest -}}
{{- include "flywheel.imageOf" (dict "root" . "repository" $image.repository "tag" $train.imageTag "digest" $train.imageDigest) -}}
{{- else -}}
{{- include "flywheel.image" . -}}
{{- end -}}
{{- end -}}

{{- define "flywheel.serviceAccount" -}}
{{- default (ternary (include "flywheel.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "flywheel.apiSecret" -}}
{{ include "flywheel.fullname" . }}-api
{{- end -}}

{{- define "flywheel.storageSecret" -}}
{{- default (printf "%s-storage" (include "flywheel.fullname" .)) .Values.seaweedfs.existingSecret -}}
{{- end -}}

{{- define "flywheel.storeSecret" -}}
{{- if .Values.seaweedfs.enabled }}{{ include "flywheel.storageSecret" . }}{{ else }}{{ .Values.store.existingSecret }}{{ end -}}
{{- end -}}

{{- define "flywheel.store" -}}
{{- default (printf "s3://%s/%s" .Values.seaweedfs.bucket .Values.loop.name) .Values.store.url -}}
{{- end -}}

{{- define "flywheel.storeEndpoint" -}}
{{- if .Values.seaweedfs.enabled }}http://{{ include "flywheel.fullname" . }}-storage:8333{{ else }}{{ .Values.store.endpoint }}{{ end -}}
{{- end -}}

{{/* Of API, console and policy endpoint. */}}
{{- define "flywheel.port" -}}
{{- dig "control" "port" 8000 .Values.loop | int -}}
{{- end -}}

{{- define "flywheel.url" -}}
{{- if .Values.ray.enabled }}http://{{ include "flywheel.fullname" . }}-serve-svc:{{ include "flywheel.port" . }}{{ else }}{{ .Values.ray.existing.url }}{{ end -}}
{{- end -}}

{{/* The TCP port of a URL. */}}
{{- define "flywheel.portOf" -}}
{{- $url := urlParse . -}}
{{- $parts := splitList ":" $url.host -}}
{{- if gt (len $parts) 1 }}{{ last $parts }}{{ else }}{{ get (dict "https" "443" "http" "80" "redis" "6379" "rediss" "6379") $url.scheme }}{{ end -}}
{{- end -}}
